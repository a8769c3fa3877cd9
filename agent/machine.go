package agent

import (
	"crypto/sha256"
	"os"
	"strings"

	"picket/internal/uplink"
)

// thisMachine tells this machine from every other that may be up at the same
// time, copies of it included, so that the collector can see when two have one
// identity. It stays the same until the machine starts again, and is a hash: what
// it is made of is nobody else's business. Zero if the system tells nothing.
//
// The id of an installation is the same on a copied disk, so the host name and,
// where the system has one, the id of the boot go with it.
func thisMachine() (m uplink.Machine) {
	parts := machineParts()
	if strings.Join(parts, "") == "" {
		return m
	}
	host, _ := os.Hostname() // a nameless machine has other marks
	sum := sha256.Sum256([]byte("picket machine 1\x00" + strings.Join(append(parts, host), "\x00")))
	copy(m[:], sum[:])
	return m
}
