package deploy

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const packageVersion = "9.8.7~test"

func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // nfpm may have to be built first
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, errors.Bytes())
	}
	return string(out)
}

func needsDebian(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Debian packages are built on Linux")
	}
	for _, tool := range []string{"bash", "dpkg-deb", "dpkg", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
}

// deb packs binary and returns the package's path.
func deb(t *testing.T, binary, umask string) string {
	t.Helper()
	cmd := command(t, "bash", "-c", "umask "+umask+"; exec ./build-deb.sh "+packageVersion+" "+runtime.GOARCH)
	cmd.Env = append(os.Environ(), "OUT="+t.TempDir(), "BINARY="+binary, "SOURCE_DATE_EPOCH=1700000000")
	return strings.TrimSpace(output(t, cmd))
}

func TestThePackageIsReproducible(t *testing.T) {
	needsDebian(t)
	some := filepath.Join(t.TempDir(), "picket")
	if err := os.WriteFile(some, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadFile(deb(t, some, "022"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(deb(t, some, "077"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two builds of the same sources differ")
	}
}

func TestAVersionThatDpkgWouldRefuse(t *testing.T) {
	needsDebian(t)
	for _, version := range []string{"", "v1.0", "1.0; rm -rf /", "1.0-1"} {
		out, err := command(t, "./build-deb.sh", version).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "usage:") {
			t.Errorf("%q: %v, %s", version, err, out)
		}
	}
}

func TestWhatIsInThePackage(t *testing.T) {
	needsDebian(t)
	some := filepath.Join(t.TempDir(), "picket")
	if err := os.WriteFile(some, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := deb(t, some, "022")
	control := output(t, command(t, "dpkg-deb", "--info", path))
	for _, want := range []string{"Package: picket\n", "Version: " + packageVersion + "\n", "Section: net\n", "postinst", "prerm", "postrm"} {
		if !strings.Contains(control, want) {
			t.Errorf("the control file has no %q:\n%s", want, control)
		}
	}
	files := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(output(t, command(t, "dpkg-deb", "--contents", path))), "\n") {
		f := strings.Fields(line)
		files[strings.TrimPrefix(f[5], ".")] = f[0] + " " + f[1]
		if f[3] != "2023-11-14" {
			t.Errorf("%s has the time of its build: %s", f[5], f[3])
		}
	}
	for name, want := range map[string]string{
		"/usr/bin/picket": "-rwxr-xr-x root/root",
		"/usr/lib/systemd/system/picket-collector.service": "-rw-r--r-- root/root",
		"/usr/lib/picket/hand-over":                        "-rwxr-xr-x root/root",
		"/etc/picket/":                                     "drwxr-x--- root/root",
		"/usr/share/doc/picket/examples/picket.yaml":       "-rw-r--r-- root/root",
		"/usr/share/doc/picket/LICENSE":                    "-rw-r--r-- root/root",
		"/usr/share/doc/picket/copyright":                  "-rw-r--r-- root/root",
		"/usr/share/doc/picket/upgrade.md":                 "-rw-r--r-- root/root",
	} {
		if files[name] != want {
			t.Errorf("%s: %q, want %q", name, files[name], want)
		}
	}
	for name := range files {
		if strings.HasPrefix(name, "/var/") || strings.HasPrefix(name, "/etc/") && name != "/etc/" && name != "/etc/picket/" {
			t.Errorf("%s would be overwritten or removed by dpkg", name)
		}
	}
}

// TestALifeOfThePackage installs, sets up, upgrades, removes and purges it in a
// copy of this machine's file system that is thrown away.
func TestALifeOfThePackage(t *testing.T) {
	needsDebian(t)
	switch {
	case testing.Short():
		t.Skip("it builds the whole server")
	case os.Geteuid() != 0:
		t.Skip("only root can install a package")
	}
	for _, tool := range []string{"unshare", "setpriv", "chroot", "useradd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	path := deb(t, picket(t), "022")
	cmd := command(t, "unshare", "--mount", "--propagation", "private", "sh", "-eu", "testdata/life.sh", path, packageVersion)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "the life is over") {
		t.Errorf("it ended early:\n%s", out)
	}
}
