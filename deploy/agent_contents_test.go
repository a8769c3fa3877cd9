package deploy

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWhatIsInTheAgentsDeb(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "armhf"} {
		path := one(t, "picket-agent_"+agentVersion+"_"+arch+".deb")
		control := output(t, command(t, "dpkg-deb", "--info", path))
		for _, want := range []string{"Package: picket-agent\n", "Version: " + agentVersion + "\n", "Architecture: " + arch + "\n", "postinst", "prerm", "postrm"} {
			if !strings.Contains(control, want) {
				t.Errorf("%s: the control file has no %q:\n%s", arch, want, control)
			}
		}
		files := map[string]string{}
		for _, line := range strings.Split(strings.TrimSpace(output(t, command(t, "dpkg-deb", "--contents", path))), "\n") {
			f := strings.Fields(line)
			files[strings.TrimPrefix(f[5], ".")] = f[0] + " " + f[1]
		}
		for name, want := range map[string]string{
			"/usr/bin/picket-agent":                        "-rwxr-xr-x root/root",
			"/usr/lib/systemd/system/picket-agent.service": "-rw-r--r-- root/root",
			"/usr/share/doc/picket-agent/copyright":        "-rw-r--r-- root/root",
			"/usr/share/doc/picket-agent/network.md":       "-rw-r--r-- root/root",
		} {
			if files[name] != want {
				t.Errorf("%s: %s: %q, want %q", arch, name, files[name], want)
			}
		}
		for name := range files {
			if strings.HasPrefix(name, "/var/") || strings.HasPrefix(name, "/etc/") {
				t.Errorf("%s: %s would be overwritten or removed by dpkg", arch, name)
			}
		}
	}
}

func TestWhatIsInTheAgentsRPM(t *testing.T) {
	packages(t)
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip(err)
	}
	db := "--dbpath=" + t.TempDir() // not this machine's
	for _, arch := range []string{"x86_64", "aarch64", "armv7hl"} {
		path := one(t, "picket-agent-"+agentVersion+"-1."+arch+".rpm")
		files := strings.Fields(output(t, command(t, "rpm", db, "-qlp", path)))
		for _, want := range []string{"/usr/bin/picket-agent", "/usr/lib/systemd/system/picket-agent.service", "/usr/share/doc/picket-agent/LICENSE"} {
			if !slices.Contains(files, want) {
				t.Errorf("%s: no %s in %v", arch, want, files)
			}
		}
		scripts := output(t, command(t, "rpm", db, "-qp", "--scripts", path))
		for _, want := range []string{"postinstall scriptlet", "useradd --system", "preuninstall scriptlet", "systemctl stop picket-agent.service", "postuninstall scriptlet"} {
			if !strings.Contains(scripts, want) {
				t.Errorf("%s: no %q in the scripts:\n%s", arch, want, scripts)
			}
		}
		if host := output(t, command(t, "rpm", db, "-qp", "--qf", "%{BUILDHOST} %{NAME} %{LICENSE}", path)); host != "picket picket-agent Apache-2.0" {
			t.Errorf("%s: %s", arch, host)
		}
	}
}

// TestTheTablesOfTheMSI holds what Windows Installer will do, and in which order.
func TestTheTablesOfTheMSI(t *testing.T) {
	path := one(t, "picket-agent_"+agentVersion+"_x64.msi")
	rows := func(table string) map[string][]string {
		all := map[string][]string{}
		for _, line := range strings.Split(output(t, command(t, "msiinfo", "export", path, table)), "\n")[3:] {
			if f := strings.Split(strings.TrimRight(line, "\r"), "\t"); len(f) > 1 {
				all[f[0]] = f[1:]
			}
		}
		return all
	}
	property := rows("Property")
	hidden := strings.Split(property["MsiHiddenProperties"][0], ";")
	for _, secret := range []string{"TOKEN", "PROXY", "JoinAgent", "SetProxy"} {
		if !slices.Contains(hidden, secret) {
			t.Errorf("%s would be in the log of the installation: %v", secret, hidden)
		}
	}
	if property["ProductVersion"][0] != agentVersion || property["UpgradeCode"][0] != "{1D6F9C8A-53B4-4E0E-9C7A-6B6F0D3A8E21}" || property["ALLUSERS"][0] != "1" {
		t.Errorf("%v", property)
	}
	if secure := property["SecureCustomProperties"][0]; !strings.Contains(secure, "TOKEN") || !strings.Contains(secure, "PROXY") {
		t.Errorf("an administrator's command line would not reach the installation: %s", secure)
	}
	actions := rows("CustomAction")
	const deferred, unseen, asSystem = 1024, 8192, 2048
	for name, a := range actions {
		kind := atoi(t, a[0])
		if kind&deferred == 0 || kind&asSystem == 0 || kind&63 != 18 || a[1] != "AgentExe" {
			t.Errorf("%s: type %d of %s", name, kind, a[1])
		}
		if secret := strings.Contains(a[2], "["); secret != (kind&unseen != 0) {
			t.Errorf("%s: its command line %q, hidden %v", name, a[2], kind&unseen != 0)
		}
	}
	sequence := rows("InstallExecuteSequence")
	last := 0
	for _, name := range []string{"InstallValidate", "RemoveExistingProducts", "InstallInitialize", "StopService", "RemoveService", "RemoveFiles",
		"InstallFiles", "UndoService", "InstallService", "SetProxy", "JoinAgent", "StartService", "InstallFinalize"} {
		at := atoi(t, sequence[name][1])
		if at <= last {
			t.Errorf("%s comes too early, at %d", name, at)
		}
		last = at
	}
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &n); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return n
}

func TestWhatIsInTheArchives(t *testing.T) {
	dir := packages(t)
	for _, name := range []string{"linux_amd64", "linux_arm64", "linux_armv7", "darwin_amd64", "darwin_arm64"} {
		top := "picket-agent_" + agentVersion + "_" + name
		modes := tarred(t, filepath.Join(dir, top+".tar.gz"))
		if modes[top+"/picket-agent"] != 0o755 || modes[top+"/install.sh"] != 0o755 || modes[top+"/LICENSE"] != 0o644 {
			t.Errorf("%s: %v", name, modes)
		}
	}
	z, err := zip.OpenReader(filepath.Join(dir, "picket-agent_"+agentVersion+"_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, filepath.Base(f.Name))
	}
	for _, want := range []string{"picket-agent.exe", "install.ps1", "windows.md", "network.md", "LICENSE"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s in the zip: %v", want, names)
		}
	}
}

func tarred(t *testing.T, path string) map[string]os.FileMode {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]os.FileMode{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return modes
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[h.Name] = h.FileInfo().Mode().Perm()
		if h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", h.Name, h.Uid, h.Gid)
		}
	}
}

// TestTheBillOfMaterials compares it with what the linker noted in the program.
func TestTheBillOfMaterials(t *testing.T) {
	for _, system := range []string{"linux", "windows", "darwin"} {
		src, err := os.ReadFile(one(t, "picket-agent_"+agentVersion+"_"+system+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var bom struct {
			BomFormat  string
			Metadata   struct{ Component struct{ Version string } }
			Components []struct{ Name, Version, Purl string }
		}
		if err := json.Unmarshal(src, &bom); err != nil {
			t.Fatal(err)
		}
		linked := map[string]bool{}
		for _, c := range bom.Components {
			linked[c.Name] = c.Version != "" && strings.HasPrefix(c.Purl, "pkg:golang/")
		}
		for _, want := range []string{"github.com/quic-go/quic-go", "github.com/kardianos/service", "github.com/hashicorp/memberlist"} {
			if !linked[want] {
				t.Errorf("%s: %s is missing", system, want)
			}
		}
		if bom.BomFormat != "CycloneDX" || bom.Metadata.Component.Version != agentVersion {
			t.Errorf("%s: %s %s", system, bom.BomFormat, bom.Metadata.Component.Version)
		}
	}
}
