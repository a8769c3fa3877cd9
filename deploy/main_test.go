package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// TestMain makes way for the tests of other packages that run beside these, some
// of which hold how fast Picket is: what is compiled, packed and run in Wine here
// takes the time that they leave. It starts itself again, because a program that
// runs cannot lower all of its threads, and those that it starts, by one call.
func TestMain(m *testing.M) {
	const yields = "PICKET_DEPLOY_TESTS_YIELD"
	nice, err := exec.LookPath("nice")
	self, bad := os.Executable()
	if err == nil && bad == nil && os.Getenv(yields) == "" {
		err = syscall.Exec(nice, append([]string{"nice", "-n", "15", self}, os.Args[1:]...), append(os.Environ(), yields+"=1"))
		fmt.Fprintln(os.Stderr, "these tests disturb others:", err)
	}
	code := m.Run()
	if dir, err := scratch(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// scratch is a folder for what several tests use. It ends with the last of them.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "picket-deploy-") })

var (
	agentPackages = sync.OnceValues(func() (string, error) { return buildAgent("022") })
	serverBinary  = sync.OnceValues(buildServer)
)

// buildAgent packs the agent for every system and returns the folder.
func buildAgent(umask string) (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "agent-"+umask)
	cmd := exec.Command("bash", "-c", "umask "+umask+"; exec ./build-agent.sh "+agentVersion)
	cmd.Env = append(os.Environ(), "OUT="+dir, "SOURCE_DATE_EPOCH=1700000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the agent's packages: %w\n%s", err, out)
	}
	return dir, nil
}

// packages is the folder of all packages of the agent.
func packages(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the agent for every system")
	}
	needsDebian(t)
	for _, tool := range []string{"zip", "wixl", "msibuild", "perl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir, err := agentPackages()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// buildServer builds picket as other tests do, so that the cache serves.
func buildServer() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bin", "picket")
	cmd := exec.Command("go", "build", "-ldflags=-s -w -X main.version="+packageVersion, "-o", path, "../cmd/picket")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
}

// picket is the path of the server.
func picket(t *testing.T) string {
	t.Helper()
	path, err := serverBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
