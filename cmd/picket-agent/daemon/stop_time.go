//go:build !linux

package daemon

import "time"

// stopTime is how long a service may take to end: the agent's own bound is 4 s
// (drain and the last acknowledgement), slow disks add to it [E].
const stopTime = 20 * time.Second
