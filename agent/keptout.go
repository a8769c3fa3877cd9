package agent

import (
	"errors"

	"picket/internal/uplink"
)

// KeptOut is why the collector answers and does not let this agent in, although
// it was not revoked. The agent goes on asking and keeps what it sees, up to the
// bounds of its spool, and tries again by itself.
type KeptOut struct {
	Code string `json:"code"` // E111 or E113
	Text string `json:"text"`
	Fix  string `json:"fix"`
}

// keptOut sorts the reason why a session did not begin or ended; nil if it is
// another one.
func keptOut(err error) *KeptOut {
	text := func(sentinel error) string {
		if end, ok := errors.AsType[*uplink.CloseError](err); ok && end.Reason != "" {
			return end.Reason
		}
		if v, ok := errors.AsType[*uplink.VersionError](err); ok {
			return v.Error()
		}
		return sentinel.Error()
	}
	switch {
	case errors.Is(err, uplink.ErrClone):
		return &KeptOut{Code: "E111", Text: text(uplink.ErrClone),
			Fix: "this machine is a copy: give it an identity of its own, picket-agent join --force-new-identity TOKEN"}
	case errors.Is(err, uplink.ErrVersion):
		return &KeptOut{Code: "E113", Text: text(uplink.ErrVersion), Fix: "upgrade the one that is older; what waits to be sent stays on disk and is delivered afterwards"}
	}
	return nil
}
