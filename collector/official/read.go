package official

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Reply is what a server answered with 200.
type Reply struct {
	Body []byte // whole, and bounded by whoever fetched it
	Type string // Content-Type as it was sent
	Now  time.Time
}

// A Reader understands one format. It is pure. An error means that nothing is
// known: the page was not what it ought to be.
type Reader func(Reply) (Snapshot, error)

// errHTML: many status hosts answer any path with 200 and their page for people.
var errHTML = errors.New("it is a page for people, not a feed")

// plain refuses HTML and returns the body as UTF-8 without a byte order mark.
func (a Reply) plain() ([]byte, error) {
	kind, params, err := mime.ParseMediaType(a.Type)
	if err == nil && (kind == "text/html" || kind == "application/xhtml+xml") {
		return nil, errHTML
	}
	b := a.Body
	switch {
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return fromUTF16(b[2:], false)
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return fromUTF16(b[2:], true)
	case strings.EqualFold(params["charset"], "utf-16") && len(b) > 0 && b[0] == 0:
		return fromUTF16(b, false) // no mark: big-endian is the rule
	}
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	head := bytes.ToLower(b[:min(len(b), 64)])
	if bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")) {
		return nil, errHTML
	}
	if !utf8.Valid(b) {
		return nil, errors.New("it is not UTF-8")
	}
	return b, nil
}

func fromUTF16(b []byte, little bool) ([]byte, error) {
	if len(b)%2 != 0 {
		return nil, errors.New("it is cut off: half a UTF-16 character at the end")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		lo, hi := uint16(b[2*i+1]), uint16(b[2*i])
		if little {
			lo, hi = hi, lo
		}
		units[i] = hi<<8 | lo
	}
	return bytes.TrimSpace([]byte(string(utf16.Decode(units)))), nil
}

// readJSON decodes an answer into v. array says which of the two it must be: the
// wrong one would decode into nothing, and nothing looks healthy.
func readJSON(a Reply, array bool, v any) error {
	b, err := a.plain()
	if err != nil {
		return err
	}
	want := byte('{')
	if array {
		want = '['
	}
	if len(b) == 0 || b[0] != want {
		return fmt.Errorf("it does not begin with %q", want)
	}
	return json.Unmarshal(b, v)
}

// channel is an RSS 2.0 feed.
type channel struct {
	Title string `xml:"title"`
	Items []item `xml:"item"`
}

type item struct {
	Title       string   `xml:"title"`
	Link        string   `xml:"link"`
	GUID        string   `xml:"guid"`
	Date        string   `xml:"pubDate"`
	Categories  []string `xml:"category"`
	Description string   `xml:"description"`
	Status      string   `xml:"status"` // not in the standard; Microsoft's
}

// readRSS decodes an answer that must be an RSS feed with a titled channel.
func readRSS(a Reply) (channel, error) {
	var root struct {
		XMLName xml.Name
		Channel *channel `xml:"channel"`
	}
	b, err := a.plain()
	if err != nil {
		return channel{}, err
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&root); err != nil {
		return channel{}, err
	}
	if root.XMLName.Local != "rss" || root.Channel == nil || strings.TrimSpace(root.Channel.Title) == "" {
		return channel{}, errors.New("it is not an RSS feed with a title")
	}
	return *root.Channel, nil
}

// zones are those that feeds name without their offset; time.Parse would take
// any of them as UTC.
func zoneOffset(name string) (hours int, ok bool) {
	switch name {
	case "Z", "UT", "UTC", "GMT":
		return 0, true
	case "PST":
		return -8, true
	case "PDT":
		return -7, true
	}
	return 0, false
}

// rssDate reads a date of RSS: "Mon, 17 Aug 2026 21:01:19 PDT", or with an offset.
func rssDate(s string) (time.Time, error) {
	const layout = "Mon, 2 Jan 2006 15:04:05"
	s = strings.TrimSpace(s)
	if t, err := time.Parse(layout+" -0700", s); err == nil {
		return t.UTC(), nil
	}
	at := strings.LastIndexByte(s, ' ')
	if at < 0 {
		return time.Time{}, fmt.Errorf("no date: %q", line(s, 40))
	}
	hours, ok := zoneOffset(s[at+1:])
	if !ok {
		return time.Time{}, fmt.Errorf("no time zone that is known: %q", line(s, 40))
	}
	t, err := time.Parse(layout, s[:at])
	if err != nil {
		return time.Time{}, fmt.Errorf("no date: %q", line(s, 40))
	}
	return t.Add(-time.Duration(hours) * time.Hour), nil
}

// first returns the earliest of times, leaving zero ones out.
func first(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if !t.IsZero() && (out.IsZero() || t.Before(out)) {
			out = t
		}
	}
	return out
}
