package agent

import (
	"io"
	"os"
	"strings"
)

// machineParts are the id of the installation, machine-id(5), and of the boot,
// random(4). A container has the boot of its host and seldom an id of its own:
// there the host name tells.
func machineParts() []string {
	return []string{firstLine("/etc/machine-id"), firstLine("/proc/sys/kernel/random/boot_id")}
}

// firstLine reads the little that such a file holds; "" if it cannot be read.
func firstLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 128))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
