package influx

import "time"

// Collector is a point of measurement `collector`: how the Picket server itself is.
// It has no tags: there is one. Counters count since it started, or since its data
// folder was made, and only ever grow or begin anew.
type Collector struct {
	Time    time.Time
	Version string
	Uptime  time.Duration
	Ready   bool // results get through to every place where they are kept
	Frozen  bool // new confirmed incidents are frozen
	Rounds  int  // of confirmation, open now

	Agents, Connected int
	Sites, Voting     int
	Networks          int    // of the sites that vote
	Results           uint64 // distinct, taken for good
	Lost              uint64 // that never came
	Refused           uint64 // that could not be true

	JudgeLag time.Duration // how long a question waited for the judge; negative: it did not answer
	Memory   uint64        // bytes that the process got from the system
	Routines int

	InfluxLines, InfluxRefused, InfluxBusy, InfluxAlarms uint64
	InfluxWrite                                          time.Duration // the slowest acknowledged write since the last point; 0: none
	Dropped                                              uint64        // points that were not written

	Waiting    int           // letters that have not arrived yet
	Due        time.Duration // how long the oldest of them has been due
	Sent, Dead uint64        // letters that arrived, that were given up, of those still kept
}

// AppendCollector appends the line of v to dst.
func AppendCollector(dst []byte, v Collector) []byte {
	dst = append(dst, "collector"...)
	fields := len(dst)
	dst = appendBool(dst, "ready", v.Ready)
	dst = appendBool(dst, "frozen", v.Frozen)
	dst = appendString(dst, "version", v.Version)
	dst = appendFloat(dst, "uptime_s", v.Uptime.Seconds())
	for _, f := range [...]struct {
		key   string
		value int
	}{{"rounds", v.Rounds}, {"agents", v.Agents}, {"connected", v.Connected}, {"sites", v.Sites}, {"voting", v.Voting}, {"networks", v.Networks},
		{"goroutines", v.Routines}, {"letters_waiting", v.Waiting}} {
		dst = appendInt(dst, f.key, int64(f.value))
	}
	for _, f := range [...]struct {
		key   string
		value uint64
	}{{"results", v.Results}, {"lost", v.Lost}, {"refused", v.Refused}, {"mem_bytes", v.Memory}, {"influx_lines", v.InfluxLines},
		{"influx_refused", v.InfluxRefused}, {"influx_busy", v.InfluxBusy}, {"influx_alarms", v.InfluxAlarms}, {"points_dropped", v.Dropped},
		{"letters_sent", v.Sent}, {"letters_dead", v.Dead}} {
		dst = appendInt(dst, f.key, int64(min(f.value, maxInt)))
	}
	if v.JudgeLag >= 0 {
		dst = appendFloat(dst, "judge_lag_ms", millis(v.JudgeLag))
	}
	if v.InfluxWrite > 0 {
		dst = appendFloat(dst, "influx_write_ms", millis(v.InfluxWrite))
	}
	dst = appendFloat(dst, "letters_due_s", v.Due.Seconds())
	return appendEnd(firstField(dst, fields), v.Time)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Letter is a point of measurement `notify`: an alert that ended on one route. It
// is written again, on the same timestamp, while it is fresh. Routes and channels
// are those of the configuration.
type Letter struct {
	Time           time.Time // when it arrived, or was given up
	Route, Channel string
	GivenUp        bool
	Event          string        // opened, resolved, ...
	Incident       string        // "" a test
	Latency        time.Duration // from when it was due to Time
	Tries          int
}

// AppendLetter appends the line of v to dst.
func AppendLetter(dst []byte, v Letter) []byte {
	result := "sent"
	if v.GivenUp {
		result = "given_up"
	}
	dst = append(dst, "notify"...)
	dst = appendTag(dst, "channel", v.Channel)
	dst = appendTag(dst, "result", result)
	dst = appendTag(dst, "route", v.Route)
	fields := len(dst)
	dst = appendInt(dst, "latency_ms", max(v.Latency.Milliseconds(), 0))
	dst = appendInt(dst, "tries", int64(v.Tries))
	dst = appendBool(dst, "given_up", v.GivenUp)
	dst = appendString(dst, "event", v.Event)
	dst = appendString(dst, "incident", v.Incident)
	return appendEnd(firstField(dst, fields), v.Time)
}

// Official is a point of measurement `official`: what a provider's own status feed
// said when it was last read, drawn every 30 s like a verdict.
type Official struct {
	Time                      time.Time
	Provider, Service, Region string
	State                     OfficialState
	Title, URL                string        // of its worst notice
	Age                       time.Duration // since it was last read and understood; negative: never
}

// OfficialState is what a provider says of itself. The numbers are stored.
type OfficialState int

// The states, so that the worst of several is the largest: what is not known is
// worse than what is well, and better than what is admitted.
const (
	OfficialOK          OfficialState = 0
	OfficialQuiet       OfficialState = 1 // nothing is posted, on a feed that never says that all is well
	OfficialUnknown     OfficialState = 2
	OfficialMaintenance OfficialState = 3
	OfficialDegraded    OfficialState = 4
	OfficialDown        OfficialState = 5
)

// AppendOfficial appends the line of v to dst.
func AppendOfficial(dst []byte, v Official) []byte {
	dst = append(dst, "official"...)
	dst = appendTag(dst, "pregion", v.Region)
	dst = appendTag(dst, "provider", v.Provider)
	dst = appendTag(dst, "service", v.Service)
	fields := len(dst)
	dst = appendInt(dst, "state", int64(v.State))
	dst = appendString(dst, "title", v.Title)
	dst = appendString(dst, "url", v.URL)
	if v.Age >= 0 {
		dst = appendFloat(dst, "age_s", v.Age.Seconds())
	}
	return appendEnd(firstField(dst, fields), v.Time)
}

// Notice is a point of measurement `notice`: something that a provider posted. It
// is written again, on the same timestamp, when it changes.
type Notice struct {
	Posted          time.Time // the timestamp
	ID, Provider    string    // the only tags
	Service, Region string    // "" it is about several, or does not say
	State           OfficialState
	Title, URL      string
	End             time.Time // zero: not over
}

// AppendNotice appends the line of v to dst.
func AppendNotice(dst []byte, v Notice) []byte {
	dst = append(dst, "notice"...)
	dst = appendTag(dst, "id", v.ID)
	dst = appendTag(dst, "provider", v.Provider)
	fields := len(dst)
	dst = appendInt(dst, "state", int64(v.State))
	dst = appendString(dst, "title", v.Title)
	about := v.Provider
	for _, part := range []string{v.Service, v.Region} {
		if part != "" {
			about += " " + part
		}
	}
	dst = appendString(dst, "about", about) // for people
	dst = appendString(dst, "service", v.Service)
	dst = appendString(dst, "pregion", v.Region)
	dst = appendString(dst, "url", v.URL)
	if !v.End.IsZero() {
		dst = appendInt(dst, "end_ms", v.End.UnixMilli())
	}
	return appendEnd(firstField(dst, fields), v.Posted)
}
