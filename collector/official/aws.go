package official

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// awsPage is where AWS tells people.
const awsPage = "https://health.aws.amazon.com/health/status"

// awsRegion is a region at the end of a service key: "ec2-eu-central-1".
var awsRegion = regexp.MustCompile(`-((?:[a-z]{2}(?:-[a-z]+){1,3}|[a-z]{2,4}-[a-z]+)-\d{1,2})$`)

// awsPart splits a service key. Global services have no region.
func awsPart(key string) Part {
	key = strings.ToLower(strings.TrimSpace(key))
	if m := awsRegion.FindStringSubmatchIndex(key); m != nil {
		return Part{Service: key[:m[0]], Region: key[m[2]:m[3]]}
	}
	return Part{Service: key}
}

// number is a figure that is written now as a number and now as a string.
type number string

func (n *number) UnmarshalJSON(b []byte) error {
	var s string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*n = number(s)
		return nil
	}
	var num json.Number
	if err := json.Unmarshal(b, &num); err != nil {
		return err
	}
	*n = number(num)
	return nil
}

// moment is n as seconds since 1970; the zero time if it is none.
func (n number) moment() time.Time {
	sec, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil || sec <= 0 || sec > 1<<40 {
		return time.Time{}
	}
	return time.Unix(sec, 0).UTC()
}

type awsEvent struct {
	Date    number `json:"date"`
	ARN     string `json:"arn"`
	Status  number `json:"status"`
	Service string `json:"service"`
	Name    string `json:"service_name"`
	Place   string `json:"region_name"`
	Summary string `json:"summary"`
	Log     []struct {
		At number `json:"timestamp"`
	} `json:"event_log"`
	Impacted map[string]json.RawMessage `json:"impacted_services"`
}

// AWSEvents reads AWS's currentevents: what is open or has just closed.
func AWSEvents(a Reply) (Snapshot, error) {
	var events []awsEvent
	if err := readJSON(a, true, &events); err != nil {
		return Snapshot{}, err
	}
	var s Snapshot
	for k, e := range events {
		if e.ARN == "" || e.Service == "" {
			return Snapshot{}, fmt.Errorf("event %d names no service", k+1)
		}
		s.Notices = append(s.Notices, e.notice(a.Now))
	}
	s.State = overall(s.Notices)
	return bound(s, a.Now), nil
}

func (e awsEvent) notice(now time.Time) Notice {
	id := e.ARN[strings.LastIndexByte(e.ARN, '/')+1:]
	title := strings.Join(slices.DeleteFunc([]string{e.Name, e.Place, e.Summary}, func(s string) bool { return s == "" }), ", ")
	n := Notice{ID: cmp.Or(id, e.ARN), Title: title, URL: awsPage, State: awsStatus(e.Status), Posted: e.Date.moment()}
	last := n.Posted
	var logged time.Time
	for _, l := range e.Log {
		at := l.At.moment()
		logged = first(logged, at)
		if at.After(last) {
			last = at
		}
	}
	if !logged.IsZero() {
		n.Posted = logged // the date of an event may be that of its beginning
	}
	if e.Status == "0" {
		n.Ended = last
		if last.IsZero() {
			n.Ended = now
		}
	}
	n.Parts = append(n.Parts, awsPart(e.Service))
	for _, key := range slices.Sorted(maps.Keys(e.Impacted)) {
		if len(n.Parts) < maxParts {
			n.Parts = append(n.Parts, awsPart(key))
		}
	}
	return n
}

// awsStatus: public readers of this feed agree that 0 is over, and disagree on
// the rest. What is not known is open.
func awsStatus(n number) State {
	switch n {
	case "0":
		return OK
	case "1", "2":
		return Degraded
	case "3":
		return Down
	}
	return Unknown
}

// awsGap: a service that was not written about for so long has no open event
// any more, whether or not AWS said so.
const awsGap = 24 * time.Hour

// awsAhead is how far their clock may be ahead of ours.
const awsAhead = 10 * time.Minute

// awsItem is one update in AWS's history feed.
type awsItem struct {
	key   string
	at    time.Time
	title string
	state State // OK: this update ends it
}

// AWSHistory reads AWS's RSS: one item per update, the newest first, without an
// id of the event. Updates of one service are one event until one says that it
// is over, or nothing is said for a day.
func AWSHistory(a Reply) (Snapshot, error) {
	ch, err := readRSS(a)
	if err != nil {
		return Snapshot{}, err
	}
	if !strings.Contains(ch.Title, "Amazon Web Services") {
		return Snapshot{}, errors.New("it is not AWS's feed")
	}
	byKey := map[string][]awsItem{}
	for _, i := range ch.Items {
		it, err := awsUpdate(i)
		if err != nil {
			return Snapshot{}, err
		}
		if it.at.After(a.Now.Add(awsAhead)) {
			continue
		}
		byKey[it.key] = append(byKey[it.key], it)
	}
	var s Snapshot
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		s.Notices = append(s.Notices, awsRuns(key, byKey[key], a.Now)...)
	}
	s.State = overall(s.Notices)
	return bound(s, a.Now), nil
}

func awsUpdate(i item) (awsItem, error) {
	fragment := i.GUID[strings.LastIndexByte(i.GUID, '#')+1:]
	key, epoch, ok := cutLast(fragment, "_")
	if !ok || key == "" {
		return awsItem{}, fmt.Errorf("an item names no service: %q", line(i.GUID, 60))
	}
	at := number(epoch).moment() // exact, and in no zone
	if at.IsZero() {
		var err error
		if at, err = rssDate(i.Date); err != nil {
			return awsItem{}, err
		}
	}
	title := strings.TrimSpace(i.Title)
	state := Unknown
	switch {
	case strings.HasPrefix(title, "Service is operating normally"), strings.Contains(title, "[RESOLVED]"):
		state = OK
	case strings.HasPrefix(title, "Informational message:"), strings.HasPrefix(title, "Service degradation:"), strings.HasPrefix(title, "Service impact:"):
		state = Degraded
	case strings.HasPrefix(title, "Service disruption:"):
		state = Down
	}
	return awsItem{key: key, at: at, title: title, state: state}, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}

// awsRuns makes events of the updates of one service.
func awsRuns(key string, items []awsItem, now time.Time) []Notice {
	slices.SortStableFunc(items, func(a, b awsItem) int { return a.at.Compare(b.at) })
	var out []Notice
	var open *Notice
	var last time.Time
	for _, it := range items {
		if open != nil && it.at.Sub(last) > awsGap {
			open.Ended, open = last.Add(awsGap), nil
		}
		if open == nil {
			out = append(out, Notice{
				ID: fmt.Sprintf("%s_%d", key, it.at.Unix()), URL: awsPage, Title: it.title, State: it.state, Posted: it.at, Parts: []Part{awsPart(key)},
			})
			open = &out[len(out)-1]
		}
		last = it.at
		if it.state == OK {
			open.Ended, open = it.at, nil
			continue
		}
		open.State, open.Title = worse(open.State, it.state), it.title
	}
	if open != nil && now.Sub(last) > awsGap {
		open.Ended = last.Add(awsGap)
	}
	return out
}
