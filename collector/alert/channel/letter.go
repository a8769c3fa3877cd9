package channel

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	netmail "net/mail"
	"strings"

	mail "github.com/wneessen/go-mail"

	"picket/collector/alert"
)

// letterHTML is a mail as HTML: everything inline, no picture, no script, no
// style sheet, and no ground colour but the tag's, so that a reader's dark
// mode keeps ink and paper apart.
//
//go:embed letter.html
var letterHTML string

// newMail writes m as a mail to the recipients. It is made from the letter
// alone, so that every try sends the same bytes under the same Message-ID; the
// letters of one incident and route refer to the first of them, which is what
// mail programs draw threads from. Its errors wrap [alert.ErrRefused].
func newMail(m alert.Message, from string, to []string) (*mail.Msg, error) {
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, refused("the sender's address cannot be used: %v", err)
	}
	if !ascii(sender.Address) {
		return nil, refused("the sender's address has letters beyond ASCII, which not every mail server takes")
	}
	if sender.Name == "" {
		sender.Name = "Picket"
	}
	_, domain, _ := strings.Cut(sender.Address, "@")
	var html bytes.Buffer
	if err := asHTML(m, &html); err != nil {
		return nil, refused("the mail cannot be written: %v", err)
	}
	sum := sha256.Sum256([]byte(m.SentAs))
	msg := mail.NewMsg(mail.WithBoundary("picket-"+hex.EncodeToString(sum[:12])), mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(sender)
	for _, a := range to {
		parsed, err := netmail.ParseAddress(a)
		if err != nil || parsed.Address != a || !ascii(a) {
			return nil, refused("%q is no plain mail address", a)
		}
		msg.AddToMailAddress(parsed)
	}
	msg.Subject(headerText(cmp.Or(m.Subject, m.Title)))
	msg.SetDateWithValue(m.At)
	msg.SetMessageIDWithValue(messageID(m.SentAs, domain))
	if m.Sequence > 1 {
		first := "<" + messageID(alert.Key(m.AlertID, m.Route, 1), domain) + ">"
		msg.SetGenHeader(mail.HeaderInReplyTo, first)
		msg.SetGenHeader(mail.HeaderReferences, first)
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(mail.HeaderXAutoResponseSuppress, "All")
	msg.SetGenHeader("X-Picket-Event", headerText(string(m.Event)))
	msg.SetGenHeader("X-Picket-Incident", headerText(m.AlertID))
	msg.SetGenHeader("X-Picket-Route", headerText(m.Route))
	if m.State != "" {
		msg.SetGenHeader("X-Picket-State", headerText(string(m.State)))
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, html.String())
	return msg, nil
}

// ascii says whether s is made of visible ASCII alone, as an address in a
// command must be.
func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// headerText makes text fit for a header: one line, of bounded length. What is
// not ASCII is encoded by the library.
func headerText(s string) string { return clip(oneLine(s), 200) }

// messageID is the left and right side of a Message-ID. A key that is not made
// of letters, digits, '-', '_' and single dots is replaced by its digest.
func messageID(key, domain string) string {
	plain := strings.Trim(key, ".") == key && !strings.Contains(key, "..") && key != "" && len(key) <= 120 &&
		!strings.ContainsFunc(key, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
		})
	if !plain {
		sum := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(sum[:16])
	}
	return "picket." + key + "@" + domain
}

// asHTML writes m as HTML. Everything in it is escaped by the template.
func asHTML(m alert.Message, w *bytes.Buffer) error {
	page, err := template.New("letter").Parse(letterHTML)
	if err != nil {
		return fmt.Errorf("read the embedded letter: %w", err)
	}
	return page.Execute(w, struct {
		alert.Message
		Tag    string
		Colour template.CSS
	}{m, m.Tag(), template.CSS(colour(m.Tone()))})
}

// colour is the ground of a tag; white on each of them has a contrast of more
// than 4.5.
func colour(t alert.Tone) string {
	switch t {
	case alert.ToneBad:
		return "#b3261e"
	case alert.ToneGood:
		return "#1b6e3c"
	case alert.ToneWatch:
		return "#8a4b00"
	}
	return "#3d4f6b"
}
