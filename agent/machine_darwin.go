package agent

import "golang.org/x/sys/unix"

// machineParts is the id of the boot.
func machineParts() []string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return nil
	}
	return []string{id}
}
