package main

import (
	"os/exec"
	"syscall"
)

// sweep waits for the end of its input, and then removes the namespaces whose names
// begin with its argument, and what still runs in them.
const sweep = `cat >/dev/null
for name in $(ip netns list | cut -d " " -f 1); do
	case $name in
	"$1"*)
		for pid in $(ip netns pids "$name"); do kill -9 "$pid"; done
		ip netns del "$name"
		;;
	esac
done`

// sweepAtEnd removes the world's namespaces after the test, and if the test
// process itself goes down before that.
func (w *natWorld) sweepAtEnd() {
	w.t.Helper()
	cmd := exec.Command("sh", "-c", sweep, "sweep", w.prefix+"-")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // who interrupts the test does not mean this
	said := &output{}
	cmd.Stdout, cmd.Stderr = said, said
	alive, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		alive.Close()
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("remove the namespaces: %v: %s", err, said)
		}
	})
}
