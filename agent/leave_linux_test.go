package agent

import (
	"testing"

	"picket/internal/uplink"
)

func TestAMachineThatGoesDownSaysSo(t *testing.T) {
	for name, c := range map[string]struct{ state, jobs, want string }{
		"running":       {"running\n", "", ""},
		"degraded":      {"degraded\n", "12 reboot.target start waiting\n", ""},
		"no systemd":    {"", "", ""},
		"power off":     {"stopping\n", "300 poweroff.target start waiting\n301 umount.target start waiting\n", uplink.ByeShutdown},
		"restart":       {"stopping\n", "300 umount.target start waiting\n301 reboot.target start waiting\n", uplink.ByeReboot},
		"no list":       {"stopping\n", "", uplink.ByeShutdown},
		"reboot undone": {"stopping\n", "300 reboot.target stop waiting\n", uplink.ByeShutdown},
	} {
		got := machineLeavesBy(func(args ...string) string {
			if args[0] == "is-system-running" {
				return c.state
			}
			return c.jobs
		})
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
