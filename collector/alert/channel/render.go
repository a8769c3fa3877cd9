package channel

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"picket/collector/alert"
)

// Render writes m as the channel of that kind shows it: what is sent, but for
// keys, signatures and what a route's memory of earlier messages adds. It is a
// pure function, and its result is within the channel's limits whatever stands
// in m.
func Render(kind Kind, m alert.Message) (contentType string, body []byte, err error) {
	const js, text = "application/json", "text/plain; charset=utf-8"
	switch kind {
	case KindWebhook:
		body, err = encode(m)
		return js, body, err
	case KindMail:
		return text, []byte("Subject: " + headerText(m.Subject) + "\n\n" + m.Text), nil
	case KindSlack:
		body, err = slack(m)
		return js, body, err
	case KindTeams:
		body, err = teams(m)
		return js, body, err
	case KindPagerDuty:
		body, err = pagerDuty(m, trigger(m), "")
		return js, body, err
	case KindAlertmanager:
		body, err = encode([]postable{postableOf(m, m, m.At)})
		return js, body, err
	case KindTicket:
		body, err = encode(ticketOf(m, m, actionOf(m), ""))
		return js, body, err
	case KindShoutrrr:
		return text, []byte(short(m)), nil
	}
	return "", nil, fmt.Errorf("there is no channel of the kind %q", kind)
}

// encode writes v as JSON that leaves <, > and & as they are: they are escaped
// where a channel gives them a meaning, and there alone.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write the message: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// fitting encodes what build makes of ever shorter texts, until it is within
// limit bytes. A receiver that finds a message too long shows nothing of it.
func fitting(limit int, build func(longest int) any) ([]byte, error) {
	for longest := 2000; ; longest /= 2 {
		b, err := encode(build(longest))
		if err != nil || len(b) <= limit {
			return b, err
		}
		if longest < 16 {
			return nil, refused("the message cannot be made shorter than %d bytes, and %d are allowed", len(b), limit)
		}
	}
}

// The most that a channel shows of a message; there is always less.
const (
	maxLines = 12
	maxItems = 6 // of one line
)

// fact is a line of a message as one text.
type fact struct{ label, text string }

// facts are the lines of m but for what is to do, each of at most longest
// characters.
func facts(m alert.Message, longest int) (all []fact) {
	for _, l := range m.Lines {
		if l.Label == labelSteps || len(all) == maxLines {
			continue
		}
		parts := []string{oneLine(l.Text)}
		if parts[0] == "" { // else the items are samples of what the text says
			for _, item := range l.Items[:min(len(l.Items), maxItems)] {
				parts = append(parts, oneLine(item))
			}
		}
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		if label := clip(oneLine(l.Label), 40); label != "" && len(parts) > 0 {
			all = append(all, fact{label, clip(strings.Join(parts, "; "), longest)})
		}
	}
	return all
}

// labelSteps is the line of what is to do.
const labelSteps = "DO NOW"

// steps are what is to do now, in order.
func steps(m alert.Message, longest int) (all []string) {
	for _, l := range m.Lines {
		if l.Label != labelSteps {
			continue
		}
		for _, item := range l.Items[:min(len(l.Items), maxItems)] {
			if s := clip(oneLine(item), longest); s != "" {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// heading is m in one line of at most longest characters. The subject has its
// tag, and of a drill that it is one.
func heading(m alert.Message, longest int) string {
	s := oneLine(m.Subject)
	if s == "" {
		s = oneLine(m.Title)
	}
	if m.Drill && !strings.HasPrefix(s, "[DRILL]") && !strings.HasPrefix(s, "DRILL") {
		s = "[DRILL] " + s
	}
	if s == "" {
		s = "Picket"
	}
	return clip(s, longest)
}

// finding is what was found, in one or two sentences; the title or the heading
// if there is none.
func finding(m alert.Message, longest int) string {
	return clip(cmp.Or(oneLine(m.Finding), oneLine(m.Title), heading(m, longest)), longest)
}

// closing says by which key and route the message came.
func closing(m alert.Message) string {
	return clip("Key "+dedup(m)+" · alert route "+oneLine(m.Route), 300)
}

// dedup is the key that a message shares with all others of its incident.
func dedup(m alert.Message) string { return "picket:" + oneLine(m.AlertID) }

// short is m for a telephone, in at most 1,000 characters: the services behind
// it differ in what they take, and this is within the least of them.
func short(m alert.Message) string {
	s := heading(m, 150) + "\n\n" + finding(m, 300) + "\n"
	tail := ""
	if to := link(m); len(to) <= 200 && to != "" {
		tail = "\n\n" + to
	}
	for _, f := range facts(m, 120) {
		if row := "\n" + f.label + ": " + f.text; utf8.RuneCountInString(s+row+tail) <= 1000 {
			s += row
		}
	}
	return s + tail
}

// link is where the incident is on the page; "" if it has none.
func link(m alert.Message) string { return address(m.Link) }

// maxButtons is how many buttons stand below a message.
const maxButtons = 5

// buttons are where a reader can go on.
func buttons(m alert.Message) (all []alert.Link) {
	for _, l := range m.Links {
		if to := address(l.URL); to != "" && len(all) < maxButtons {
			all = append(all, alert.Link{Name: l.Name, Text: clip(oneLine(cmp.Or(l.Text, l.Name, "See")), 70), URL: to})
		}
	}
	if to := link(m); len(all) == 0 && to != "" {
		all = []alert.Link{{Name: alert.LinkIncident, Text: "See the incident", URL: to}}
	}
	return all
}

// address is a URL that may stand behind a button; "" if it is none.
func address(s string) string {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") || len(s) > 1000 {
		return ""
	}
	if u, err := url.Parse(s); err != nil || u.Host == "" {
		return ""
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>"|\^{}`+"`", r) }) {
		return ""
	}
	return s
}

// clients are the clients concerned, sorted.
func clients(m alert.Message) (all []string) {
	for _, c := range m.Clients {
		all = append(all, clip(oneLine(c.Client), 100))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
