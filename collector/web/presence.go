package web

import (
	"fmt"
	"time"
)

// leftWords say why an agent left: as a state, and as a sentence's end.
func leftWords(reason string) (state, why string) {
	switch reason {
	case "shutdown":
		return "shut down", "its machine was shut down"
	case "reboot":
		return "restarting", "its machine was restarted"
	case "uninstall":
		return "uninstalled", "Picket was uninstalled there"
	case "upgrade":
		return "upgrading", "it was stopped for an upgrade"
	}
	return "stopped", "its service was stopped"
}

// Presence says in a few words whether the agent is there: connected, away,
// stopped and why, lost contact, never seen, revoked.
func (a Agent) Presence() string {
	switch {
	case !a.Revoked.IsZero():
		return "revoked"
	case a.Connected && !a.Away.IsZero():
		return "away"
	case a.Connected:
		return "connected"
	case !a.Left.IsZero():
		state, _ := leftWords(a.LeftWhy)
		return state
	case a.Seen.IsZero():
		return "never seen"
	}
	return "lost contact"
}

// Notes are what is worth knowing of where the agent is and what it costs, a
// sentence each. stamp writes a moment.
func (a Agent) Notes(stamp func(time.Time) string) (list []string) {
	if !a.Away.IsZero() {
		list = append(list, fmt.Sprintf("away since %s: the machine is not at its site, and does not vote", stamp(a.Away)))
	}
	if !a.Left.IsZero() {
		_, why := leftWords(a.LeftWhy)
		list = append(list, fmt.Sprintf("%s at %s; nothing is known of its line", why, stamp(a.Left)))
	}
	if m := a.Moved; m != nil && m.Backup {
		list = append(list, fmt.Sprintf("on another line since %s: %s instead of %s", stamp(m.Since), m.Now, m.Usual))
	} else if m != nil {
		list = append(list, fmt.Sprintf("seen from another address since %s: %s instead of %s", stamp(m.Since), m.Now, m.Usual))
	}
	if t := a.Traffic; t != nil && t.Stretch > 1 {
		list = append(list, fmt.Sprintf("asks %.1f times less often, to stay within the traffic budget of its site (%s this month)", t.Stretch, bytesWords(t.Month)))
	}
	return list
}

// bytesWords writes an amount of traffic.
func bytesWords(n uint64) string {
	switch {
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
