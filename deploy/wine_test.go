package deploy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// wine is a Windows for one test: Debian's Wine on a prefix of its own.
//
// Every Go program asks bcryptprimitives.dll for random bytes, and Wine has had
// that one only since version 9. A library that hands the question on to
// advapi32.dll, which Wine has, is put in its place.
type wine struct {
	prefix string
	env    []string
}

func newWine(t *testing.T) *wine {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("Wine runs the programs of Windows on Linux on amd64")
	}
	for _, tool := range []string{"wine", "wineserver"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	prefix, err := os.MkdirTemp("", "picket-wine-") // Wine wants to own it; t.TempDir may be below another's
	if err != nil {
		t.Fatal(err)
	}
	w := &wine{prefix: prefix, env: append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "WINEARCH=win64", "DISPLAY=", "HOME="+prefix)}
	t.Cleanup(func() {
		for _, flag := range []string{"--kill", "--wait"} { // of this prefix only
			end := exec.Command("wineserver", flag)
			end.Env = w.env
			end.Run() // it fails if nothing runs
		}
		if err := os.RemoveAll(prefix); err != nil {
			t.Errorf("what Wine left: %v", err)
		}
	})
	if out, err := w.command(t, "wineboot", "--init").CombinedOutput(); err != nil {
		t.Fatalf("start Wine: %v\n%s", err, out)
	}
	system := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(system); os.IsNotExist(err) {
		if err := os.WriteFile(system, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// command runs program with args inside.
func (w *wine) command(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(t, "wine", append([]string{program}, args...)...)
	cmd.Env = w.env
	return cmd
}

// path is where a path of drive C: is on this machine.
func (w *wine) path(windows string) string {
	return filepath.Join(w.prefix, "drive_c", filepath.FromSlash(strings.ReplaceAll(strings.TrimPrefix(windows, `C:\`), `\`, "/")))
}

// forwarder is a 64-bit DLL whose only function is another library's: headers
// and an export directory, and no code.
func forwarder(name, export, to string) []byte {
	const rva, raw, fileAlign = 0x1000, 0x200, 0x200
	le := binary.LittleEndian
	strs := rva + 40 + 4 + 4 + 2 // after the directory, one function, one name, one ordinal
	nameAt, exportAt := strs, strs+len(name)+1
	toAt := exportAt + len(export) + 1
	size := toAt + len(to) + 1 - rva

	var section bytes.Buffer
	put := func(w *bytes.Buffer, values ...any) {
		for _, v := range values {
			binary.Write(w, le, v) // into memory: cannot fail
		}
	}
	put(&section, uint32(0), uint32(0), uint32(0), uint32(nameAt), uint32(1), uint32(1), uint32(1), uint32(rva+40), uint32(rva+44), uint32(rva+48))
	put(&section, uint32(toAt), uint32(exportAt), uint16(0)) // an address inside the directory is a forwarder
	section.WriteString(name + "\x00" + export + "\x00" + to + "\x00")
	section.Write(make([]byte, fileAlign-section.Len()%fileAlign))

	var file bytes.Buffer
	dos := make([]byte, 64)
	copy(dos, "MZ")
	le.PutUint32(dos[60:], 64)
	file.Write(dos)
	file.WriteString("PE\x00\x00")
	put(&file, uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022))
	put(&file, uint16(0x20b), uint16(0), uint32(0), uint32(section.Len()), uint32(0), uint32(0), uint32(rva))
	put(&file, uint64(0x180000000), uint32(0x1000), uint32(fileAlign), uint16(6), uint16(0), uint32(0), uint16(6), uint16(0), uint32(0))
	put(&file, uint32(0x2000), uint32(raw), uint32(0), uint16(3), uint16(0x100), uint64(1<<20), uint64(1<<12), uint64(1<<20), uint64(1<<12), uint32(0), uint32(16))
	put(&file, uint32(rva), uint32(size))
	file.Write(make([]byte, 15*8))
	file.WriteString(".edata\x00\x00")
	put(&file, uint32(size), uint32(rva), uint32(section.Len()), uint32(raw), uint32(0), uint32(0), uint16(0), uint16(0), uint32(0x40000040))
	file.Write(make([]byte, raw-file.Len()))
	file.Write(section.Bytes())
	return file.Bytes()
}

// run runs program, at most two minutes, and returns what it printed and its
// exit code. It prints into a file: services that it starts keep a pipe open.
func (w *wine) run(t *testing.T, program string, args ...string) (string, int) {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "wine", append([]string{program}, args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, said, said
	err = cmd.Run()
	out, bad := os.ReadFile(said.Name())
	if _, exited := errors.AsType[*exec.ExitError](err); bad != nil || err != nil && !exited || ctx.Err() != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, errors.Join(err, bad, ctx.Err()), out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// left are the names on drive C: that remind of Picket.
func (w *wine) left(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(w.prefix, "drive_c"), func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(strings.ToLower(filepath.Base(path)), "picket") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestWindows installs the agent by its MSI and looks what it does. Wine 8 opens
// no UDP socket and no Unix socket for Go, and has no Icmp6CreateFile; that part
// was never run.
func TestWindows(t *testing.T) {
	const exe = `C:\Program Files\Picket\picket-agent.exe`
	dir := packages(t)
	w := newWine(t)
	msi := filepath.Join(t.TempDir(), "agent.msi")
	src, err := os.ReadFile(filepath.Join(dir, "picket-agent_"+agentVersion+"_x64.msi"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(msi, src, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("pings without rights", func(t *testing.T) {
		testsOfWindows(t, w, "../probes", 3, "-test.run", "Windows|TestPingLoopback", "-test.skip", "IPv6")
	})
	t.Run("names account and command line", func(t *testing.T) {
		testsOfWindows(t, w, "../cmd/picket-agent/daemon", 4, "-test.run", "SID|CommandLine|AWrongSetting|SettingsCan") // Wine cannot remove what t.TempDir makes
	})
	t.Run("a damaged token fails the installation", func(t *testing.T) {
		out, code := w.run(t, "msiexec", "/i", msi, "/qn", "TOKEN=pk1_damaged")
		if code == 0 || !strings.Contains(out, "E101") || strings.Contains(out, "pk1_damaged") {
			t.Errorf("exit %d:\n%s", code, out)
		}
		if _, err := os.Stat(w.path(exe)); err == nil {
			t.Error("the program stayed") // Wine 8 runs no rollback action, so the service stays there
		}
	})
	t.Run("installs", func(t *testing.T) {
		if out, code := w.run(t, "msiexec", "/i", msi, "/qn", "PROXY=http://user:hidden@127.0.0.1:9"); code != 0 {
			t.Fatalf("exit %d:\n%s", code, out)
		}
		if out, _ := w.run(t, exe, "--version"); !strings.Contains(out, agentVersion) {
			t.Errorf("another version runs: %s", out)
		}
		if out, code := w.run(t, exe, "service", "status"); code != 10 || !strings.Contains(out, "installed, stopped") {
			t.Errorf("exit %d: %s", code, out)
		}
		env, err := os.ReadFile(w.path(`C:\ProgramData\Picket\agent\agent.env`))
		if err != nil || string(env) != "PICKET_PROXY=http://user:hidden@127.0.0.1:9\n" {
			t.Errorf("%s, %v", env, err)
		}
		if line, code := w.run(t, "reg", "query", `HKLM\System\CurrentControlSet\Services\PicketAgent`, "/v", "ImagePath"); code != 0 ||
			!strings.Contains(line, `"`+exe+`" run --as-service --state C:\ProgramData\Picket\agent`) || strings.Contains(line, "hidden") {
			t.Errorf("exit %d: %s", code, line)
		}
		if name, _ := w.run(t, "reg", "query", `HKLM\System\CurrentControlSet\Services\PicketAgent`, "/v", "ObjectName"); !strings.Contains(name, `NT SERVICE\PicketAgent`) {
			t.Errorf("it runs as %s", name)
		}
	})
	t.Run("says what is wrong and how it ends", func(t *testing.T) {
		if out, code := w.run(t, exe, "join", "pk1_short"); code != 2 || !strings.Contains(out, "E101") {
			t.Errorf("exit %d: %s", code, out)
		}
		if out, code := w.run(t, exe, "probe", "ping", "127.0.0.1"); code != 0 || !strings.Contains(out, "3 sent, 3 answered") {
			t.Errorf("exit %d: %s", code, out)
		}
		if out, code := w.run(t, exe, "probe", "tcp", "127.0.0.1:9"); code != 11 {
			t.Errorf("exit %d: %s", code, out)
		}
	})
	t.Run("an agent that has not joined stops in peace", func(t *testing.T) {
		w.run(t, exe, "service", "start") // Windows says that it started, or that it ended
		log := w.path(`C:\ProgramData\Picket\agent\logs\agent.log`)
		eventually(t, 60*time.Second, "the log says why", func() bool {
			text, err := os.ReadFile(log)
			return err == nil && strings.Contains(string(text), "not enrolled")
		})
		eventually(t, 60*time.Second, "it stops", func() bool {
			out, _ := w.run(t, exe, "service", "status")
			return strings.Contains(out, "stopped")
		})
	})
	t.Run("uninstalls without a trace", func(t *testing.T) {
		if out, code := w.run(t, "msiexec", "/x", msi, "/qn"); code != 0 {
			t.Fatalf("exit %d:\n%s", code, out)
		}
		if names := w.left(t); len(names) > 0 {
			t.Errorf("left behind: %v", names)
		}
		for _, key := range []string{`HKLM\System\CurrentControlSet\Services\PicketAgent`, `HKLM\System\CurrentControlSet\Services\EventLog\Application\PicketAgent`} {
			if out, code := w.run(t, "reg", "query", key); code == 0 {
				t.Errorf("left behind: %s", out)
			}
		}
	})
	t.Run("the commands of the page", func(t *testing.T) { windowsPage(t, w, dir) })
}

// testsOfWindows runs tests of a package, at least so many.
func testsOfWindows(t *testing.T, w *wine, folder string, least int, args ...string) {
	exe := filepath.Join(t.TempDir(), "tests.exe")
	build := command(t, "go", "test", "-c", "-o", exe, folder)
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	output(t, build)
	out, code := w.run(t, exe, append([]string{"-test.v"}, args...)...)
	if code != 0 || strings.Contains(out, "--- SKIP") || strings.Count(out, "--- PASS: Test") < least {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// windowsPage runs the commands of docs/install/windows.md that Wine can run, but
// for the token: Wine 8 opens no UDP socket for Go, so nobody joins.
func windowsPage(t *testing.T, w *wine, dir string) {
	ran := 0
	for _, b := range fences(t, "windows.md") {
		if b.info != "bat run=wine" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			line = strings.NewReplacer("picket-agent_VERSION", filepath.Join(dir, "picket-agent_"+agentVersion), " TOKEN=pk1_...", "").Replace(line)
			words := strings.Fields(line)
			if exe, rest, quoted := strings.Cut(strings.TrimPrefix(line, `"`), `"`); quoted {
				words = append([]string{exe}, strings.Fields(rest)...)
			}
			ran++
			if out, code := w.run(t, words[0], words[1:]...); code != 0 && code != 10 { // 10: installed, stopped
				t.Errorf("%s: exit %d\n%s", line, code, out)
			}
		}
	}
	if names := w.left(t); ran < 3 || len(names) > 0 {
		t.Errorf("%d commands, left behind: %v", ran, names)
	}
}
