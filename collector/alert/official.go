package alert

import (
	"fmt"
	"strings"
	"time"

	"picket/collector/detect"
)

// Said is what the provider says of itself, in a [Message].
type Said struct {
	Known   bool      `json:"known"` // its feed was read and understood
	Checked time.Time `json:"checked,omitzero"`
	State   string    `json:"state,omitempty"` // ok, degraded, down, maintenance
	Posted  time.Time `json:"posted,omitzero"` // when it admitted this trouble
	Title   string    `json:"title,omitempty"`
	URL     string    `json:"url,omitempty"`
	// Lead is how many minutes we were ahead of it, or are while it has not
	// admitted anything; negative: it was earlier.
	Lead int `json:"lead_minutes"`
}

// said is what the provider says, and our lead; nil where nobody publishes
// anything: a site, a line, a client's own service.
func (a account) said() *Said {
	if a.publisher() == "" {
		return nil
	}
	o := a.beside.Official
	s := &Said{Known: o.Known, Checked: o.Checked, Title: clip(oneLine(o.Title), 200)}
	if isWeb(o.URL) {
		s.URL = o.URL
	}
	if o.Known {
		s.State, s.Posted = o.State, o.Posted
		s.Lead = int(a.lead().Minutes())
	}
	return s
}

// isWeb says whether a URL from elsewhere may stand in a message as a link.
func isWeb(url string) bool {
	return strings.HasPrefix(url, "https://") && len(url) < 500 && !strings.ContainsFunc(url, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '<' || r == '>' })
}

// publisher is who would have a status page for what the incident blames.
func (a account) publisher() string {
	switch i := a.i; {
	case !i.Kind.ProviderSide() && i.Kind != detect.KindNetworkProvider && i.Kind != detect.KindNetworkDependency:
		return ""
	case i.Dependency != "":
		return oneLine(i.Dependency)
	default:
		return a.provider(i.Provider)
	}
}

// lead is how long after us the provider admitted it, or has not yet.
func (a account) lead() time.Duration {
	switch o := a.beside.Official; {
	case a.i.Opened.IsZero():
		return 0
	case !o.Posted.IsZero():
		return o.Posted.Sub(a.i.Opened)
	case a.over() && !a.i.Recovered.IsZero():
		return 0
	}
	return max(0, a.now.Sub(a.i.Opened))
}

// official says what the provider itself says, and how far we are ahead of it.
// What is not known is said to be unknown, never to be fine.
func (a account) official() string {
	them, o := a.publisher(), a.beside.Official
	switch {
	case them == "":
		return ""
	case !o.Known && a.over():
		return ""
	case !o.Known && o.Checked.IsZero():
		return "Unknown: Picket has read no status page of " + them + "."
	case !o.Known:
		return "Unknown: the status page of " + them + " was last understood at " + a.clock(o.Checked) + "."
	}
	var s string
	switch checked := " (checked " + a.clock(o.Checked) + ")"; {
	case !o.Posted.IsZero():
		s = them + " " + map[bool]string{true: "announced maintenance", false: "acknowledged it"}[o.State == "maintenance"] + " at " + a.minute(o.Posted) + a.ahead()
	case o.State == "down" || o.State == "degraded":
		s = "The status page of " + them + " shows trouble, and not since when" + checked + "."
	case o.State == "maintenance":
		s = "The status page of " + them + " shows maintenance" + checked + "."
	default:
		s = "The status page of " + them + " shows nothing of it" + checked + "."
		if lead := a.lead(); lead >= time.Minute {
			s += " We are " + Span(lead) + " ahead."
		}
	}
	if title := clip(oneLine(o.Title), 120); title != "" && !o.Posted.IsZero() {
		s += fmt.Sprintf(" It says %q.", title)
	}
	return s
}

// ahead ends the sentence of an acknowledgement with who was first.
func (a account) ahead() string {
	switch lead := a.lead(); {
	case lead >= time.Minute:
		return ", " + Span(lead) + " after us."
	case lead <= -time.Minute:
		return ", " + Span(-lead) + " before us."
	}
	return ", when we did."
}
