package agent

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"picket/internal/uplink"
)

// machineWithin is how long systemd is asked whether the machine goes down [E].
// It answers in milliseconds, and whoever stops must not be held up.
const machineWithin = time.Second

// machineLeaves says whether this machine is going down, as systemd tells: in a
// shutdown it is "stopping", and has a job for the target it goes to. "" where
// there is no systemd, or it says no such thing.
//
// Its commands are asked because they need no library and no rights: the state
// is read over the manager's own socket by anybody.
func machineLeaves() string {
	ctx, cancel := context.WithTimeout(context.Background(), machineWithin)
	defer cancel()
	return machineLeavesBy(func(args ...string) string {
		// A state other than "running" is told with an exit code, too.
		out, _ := exec.CommandContext(ctx, "systemctl", args...).Output()
		return string(out)
	})
}

// machineLeavesBy is machineLeaves with the answers of systemctl.
func machineLeavesBy(systemctl func(args ...string) string) string {
	if strings.TrimSpace(systemctl("is-system-running")) != "stopping" {
		return ""
	}
	for line := range strings.Lines(systemctl("list-jobs", "--no-legend", "--plain")) {
		f := strings.Fields(line) // JOB UNIT TYPE STATE
		if len(f) >= 3 && f[2] == "start" && (f[1] == "reboot.target" || f[1] == "kexec.target" || f[1] == "soft-reboot.target") {
			return uplink.ByeReboot
		}
	}
	return uplink.ByeShutdown
}
