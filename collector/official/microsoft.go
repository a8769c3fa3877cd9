package official

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The pages on which Microsoft tells people.
const (
	azurePage = "https://azure.status.microsoft/en-us/status/"
	m365Page  = "https://status.cloud.microsoft"
)

// AzureRSS reads Azure's RSS, which lists open incidents only. An empty channel
// is how it looks when all is well, and also how it looks when the host that
// answers is itself cut off: it is [Quiet], never [OK].
func AzureRSS(a Reply) (Snapshot, error) {
	ch, err := readRSS(a)
	if err != nil {
		return Snapshot{}, err
	}
	if strings.TrimSpace(ch.Title) != "Azure Status" {
		return Snapshot{}, errors.New("it is not Azure's feed")
	}
	var s Snapshot
	for _, i := range ch.Items {
		posted, err := rssDate(i.Date)
		if err != nil {
			return Snapshot{}, err
		}
		s.Notices = append(s.Notices, azureNotice(i, posted))
	}
	s.State = overall(s.Notices)
	return bound(s, a.Now), nil
}

func azureNotice(i item, posted time.Time) Notice {
	title, resolved := strings.CutPrefix(strings.TrimSpace(i.Title), "[RESOLVED]")
	title = strings.TrimSpace(title)
	n := Notice{ID: i.GUID, Title: title, URL: i.Link, State: Degraded, Posted: posted}
	if at := strings.LastIndexByte(n.ID, '#'); at >= 0 {
		n.ID = n.ID[at+1:]
	}
	if n.ID == "" {
		n.ID = title
	}
	if n.URL == "" {
		n.URL = azurePage
	}
	if resolved {
		n.Ended = posted
	}
	var services, regions []string
	words := i.Categories
	if len(words) == 0 { // "Service - Region - Status"
		if w := strings.Split(title, " - "); len(w) > 1 {
			words = w[:len(w)-1]
		}
	}
	for _, w := range words {
		if isAzureRegion(w) {
			regions = append(regions, w)
		} else if in := azureRegionsIn(w); len(in) > 0 {
			regions = append(regions, in...) // "North Central US and Central US"
		} else if w = strings.TrimSpace(w); w != "" {
			services = append(services, w)
		}
	}
	if len(regions) == 0 {
		regions = azureRegionsIn(title) // never in the prose below it, which tells of other events too
	}
	if len(services)+len(regions) > 0 {
		n.Parts = cross(services, regions)
	}
	return n
}

// cross is every service in every region; nothing named is anything.
func cross(services, regions []string) []Part {
	if len(services) == 0 {
		services = []string{""}
	}
	if len(regions) == 0 {
		regions = []string{""}
	}
	var out []Part
	for _, r := range regions {
		for _, s := range services {
			if len(out) < maxParts {
				out = append(out, Part{Service: s, Region: r})
			}
		}
	}
	return out
}

// post is what status.cloud.microsoft says of one thing. Its dates are those of
// the author or of the server's clock, and neither says when people could first
// read it: the first reading counts.
type post struct {
	ID       string `json:"Id"`
	Service  string `json:"ServiceDisplayName"`
	Title    string `json:"Title"`
	Message  string `json:"Message"`
	Status   string `json:"Status"`
	Authored string `json:"AuthoredDateTime"`
}

// MicrosoftPosts reads the posts of status.cloud.microsoft: one, or a list of them.
func MicrosoftPosts(a Reply) (Snapshot, error) {
	b, err := a.plain()
	if err != nil {
		return Snapshot{}, err
	}
	var posts []post
	if len(b) > 0 && b[0] == '[' {
		err = json.Unmarshal(b, &posts)
	} else {
		var one post
		err = json.Unmarshal(b, &one)
		posts = []post{one}
	}
	if err != nil {
		return Snapshot{}, err
	}
	if len(posts) == 0 {
		return Snapshot{}, errors.New("it has no post")
	}
	s := Snapshot{State: OK}
	for k, p := range posts {
		if p.Status == "" {
			return Snapshot{}, fmt.Errorf("post %d has no status", k+1)
		}
		state := microsoftStatus(p.Status)
		s.State = worse(s.State, state)
		if p.Service != "" {
			s.Components = append(s.Components, Component{Part: Part{Service: p.Service}, State: state})
		}
		if state.Trouble() {
			s.Notices = append(s.Notices, p.notice(state))
		}
	}
	return bound(s, a.Now), nil
}

func (p post) notice(state State) Notice {
	title := p.Title
	if title == "" {
		title = text(p.Message)
	}
	if title == "" {
		title = p.Status
	}
	n := Notice{ID: strings.Trim(p.ID+" "+p.Authored, " "), Title: title, URL: m365Page, State: state}
	if n.ID == "" {
		n.ID = title
	}
	if p.Service != "" {
		n.Parts = []Part{{Service: p.Service}}
	}
	return n
}

// MicrosoftFeed reads the same as RSS: one item with a status of its own.
func MicrosoftFeed(a Reply) (Snapshot, error) {
	ch, err := readRSS(a)
	if err != nil {
		return Snapshot{}, err
	}
	if len(ch.Items) == 0 {
		return Snapshot{}, errors.New("it has no item")
	}
	s := Snapshot{State: OK}
	for _, i := range ch.Items {
		status := strings.TrimSpace(i.Status)
		if status == "" {
			return Snapshot{}, errors.New("its item has no status")
		}
		state := microsoftStatus(status)
		s.State = worse(s.State, state)
		if state.Trouble() {
			s.Notices = append(s.Notices, post{ID: i.GUID, Message: i.Description, Status: status, Authored: i.Date}.notice(state))
		}
	}
	return bound(s, a.Now), nil
}

func microsoftStatus(token string) State {
	switch token {
	case "Available", "Operational", "Service restored":
		return OK
	case "Service degradation":
		return Degraded
	}
	return Unknown // "Unknown" is one of Microsoft's own tokens
}

// text is HTML without its tags, for one line of a title; no browser sees it
// unescaped.
func text(html string) string {
	var b strings.Builder
	in := false
	for _, r := range html {
		switch {
		case r == '<':
			in = true
			b.WriteByte(' ')
		case r == '>':
			in = false
		case !in:
			b.WriteRune(r)
		}
	}
	return line(b.String(), maxTitle)
}
