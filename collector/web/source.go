package web

import (
	"context"
	"errors"
	"time"

	"picket/collector/access"
	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/inquiry"
)

// Source is what the collector must tell. Methods may be called at any time
// from several goroutines, return copies, and should take milliseconds.
type Source interface {
	// Snapshot is the engine's view of now.
	Snapshot() detect.Snapshot
	// Coverage is what the fleet could confirm now, per service and cloud region.
	Coverage(ctx context.Context) ([]detect.Coverage, error)
	// Status is counters and facts of the collector itself.
	Status(ctx context.Context) (Status, error)
	// Incidents returns open or all incidents, the newest first, at most limit.
	Incidents(ctx context.Context, open bool, limit int) ([]detect.Incident, error)
	// Incident returns one incident. errors.Is: [ErrNotFound].
	Incident(ctx context.Context, id string) (detect.Incident, error)
	// Agents returns every enrolled agent, revoked ones too.
	Agents(ctx context.Context) ([]Agent, error)
	// Unready returns what keeps the collector from doing its work; none means ready.
	Unready(ctx context.Context) []Unready
	// Provider returns a cloud's name for people, or its id.
	Provider(id string) string
	// Targets returns what is watched, references too, in the order of the configuration.
	Targets() []Target
	// Latest returns the newest result of every check of a target, per agent.
	Latest(target string) []Latest
	// History returns what was seen of a target, oldest first, at most a few hundred points per region.
	History(ctx context.Context, q HistoryQuery) ([]Point, error)
	// Planned is the planned work of now and of the next week, the first one first.
	Planned() []Planned
	// Drill is the drill that is on; nil: none.
	Drill() *Drill
	// Drills is what was played, the newest first, at most limit, and what can be.
	Drills(ctx context.Context, limit int) (Drills, error)
	// Told returns whom Picket told of an incident, oldest first.
	Told(ctx context.Context, incident string) ([]Letter, error)
	// Handling is what people did about an incident.
	Handling(ctx context.Context, incident string) (Handling, error)
	// Silences returns those that mute now, and those that ended lately.
	Silences(ctx context.Context) ([]alert.Silence, error)
	Records
}

// Target is one endpoint that is watched.
type Target struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"` // for people; never empty
	Provider  string   `json:"provider,omitempty"`
	Service   string   `json:"service,omitempty"`
	Region    string   `json:"region,omitempty"` // the provider's
	Client    string   `json:"client,omitempty"` // the only client that may see it; "" everybody
	Reference bool     `json:"reference,omitempty"`
	Depends   []string `json:"depends,omitempty"`
	Checks    []Check  `json:"checks"`
}

// Check is one way in which a target is asked.
type Check struct {
	ID       string        `json:"id"`
	Kind     string        `json:"kind"`    // dns, ping, tcp, tls, http
	Address  string        `json:"address"` // host, host:port or URL, for people
	Interval time.Duration `json:"interval_ns"`
}

// Latest is the newest result of one check at one agent.
type Latest struct {
	Client   string        `json:"client"`
	Site     string        `json:"site"` // "client/site"
	Agent    string        `json:"agent"`
	ISP      string        `json:"isp,omitempty"`
	Region   string        `json:"region,omitempty"` // vantage region
	Check    string        `json:"check"`
	At       time.Time     `json:"at"`
	Outcome  string        `json:"outcome"`         // up, degraded, down, unknown
	Layer    string        `json:"layer,omitempty"` // where it failed
	Cause    string        `json:"cause,omitempty"`
	DNS      time.Duration `json:"dns_ns,omitempty"`
	Connect  time.Duration `json:"connect_ns,omitempty"`
	TLS      time.Duration `json:"tls_ns,omitempty"`
	TTFB     time.Duration `json:"ttfb_ns,omitempty"`
	RTT      time.Duration `json:"rtt_ns,omitempty"`
	Total    time.Duration `json:"total_ns,omitempty"`
	Code     int           `json:"code,omitempty"`
	HasCert  bool          `json:"has_cert,omitempty"`
	CertDays int           `json:"cert_days,omitempty"` // until it expires
	Addr     string        `json:"addr,omitempty"`
	Err      string        `json:"err,omitempty"`
}

// LongestHistory is how far back history goes, and how much of it may be asked
// for at once: 13 months, so that the same month of last year is whole.
const LongestHistory = 396 * 24 * time.Hour

// HistoryQuery chooses history, at most [LongestHistory] of it. Points are a
// minute or more apart, and an hour or more where minutes are no longer kept.
type HistoryQuery struct {
	Target   string
	From, To time.Time
}

// Point is what all sites of one vantage region saw of all checks of a target in one step.
type Point struct {
	At     time.Time     `json:"at"`
	Step   time.Duration `json:"step_ns"`
	Region string        `json:"region"` // vantage region; "" unknown
	Good   uint64        `json:"good"`   // up
	Slow   uint64        `json:"degraded"`
	Bad    uint64        `json:"bad"`     // down
	Blind  uint64        `json:"unknown"` // never counts
	Mean   time.Duration `json:"mean_ns"` // of what was up; 0 if nothing was
	Min    time.Duration `json:"min_ns"`
	Max    time.Duration `json:"max_ns"`
}

// Letter is one message about an incident.
type Letter struct {
	At    time.Time `json:"at"` // when it was written
	Route string    `json:"route"`
	Event string    `json:"event"` // opened, updated, resolved
	State string    `json:"state"` // waiting, sent, given up
	Sent  time.Time `json:"sent,omitzero"`

	Incident string        `json:"incident,omitempty"`
	Took     time.Duration `json:"took_ns,omitempty"` // from writing to delivery
	Tries    int           `json:"tries"`             // that failed
	Why      string        `json:"why,omitempty"`     // what the last failed one met
}

// Actions is what people may do on the page beside looking. by stands in the
// audit trail. Whether they may is decided before.
type Actions interface {
	// CreateToken makes a join token. An error that is an *[Error] is told as it is.
	CreateToken(ctx context.Context, by string, r TokenRequest) (Token, error)
	// TokenState says what became of a join token. errors.Is: [ErrNotFound].
	TokenState(ctx context.Context, id string) (TokenState, error)
	// Revoke ends an agent's rights and its session. errors.Is: [ErrNotFound].
	Revoke(ctx context.Context, by, agent string) error
	// Ask has sites probe now and says who it is; it takes up to ten seconds. An
	// error that is an *[Error] is told as it is: too often, no such target.
	Ask(ctx context.Context, by access.Principal, q inquiry.Question) (inquiry.Finding, error)
	// Finding returns an answer given earlier, for an hour. errors.Is: [ErrNotFound].
	Finding(id string) (inquiry.Finding, error)
	Approvals
	Driller
	Handlers
	Notices
}

// TokenState is what became of a join token.
type TokenState struct {
	ID      string    `json:"id"`
	Client  string    `json:"client"`
	Site    string    `json:"site"` // "client/site"
	Uses    int       `json:"uses"`
	Used    int       `json:"used"`
	Expires time.Time `json:"expires"`
	// Agents are those of the site that joined since the token was made.
	Agents []Agent `json:"agents"`
}

// Status is facts and counters of the collector.
type Status struct {
	Version   string            `json:"version"`
	Started   time.Time         `json:"started"`
	Config    uint64            `json:"config"`  // id of the applied configuration
	Targets   int               `json:"targets"` // without references
	Checks    int               `json:"checks"`
	Agents    int               `json:"agents"`    // enrolled and not revoked
	Connected int               `json:"connected"` // of them, with a session
	Results   uint64            `json:"results"`   // distinct results taken
	Lost      map[string]uint64 `json:"lost"`      // results that never came, by reason
	Influx    *Influx           `json:"influx,omitempty"`
	Alerts    Alerts            `json:"alerts"`
}

// Influx is how writing to InfluxDB goes; nil in [Status] means not configured.
type Influx struct {
	OK       bool   `json:"ok"`
	Error    string `json:"error,omitempty"`
	Points   uint64 `json:"points"`   // acknowledged
	Rejected uint64 `json:"rejected"` // in the dead-letter file
}

// Alerts counts letters.
type Alerts struct {
	Routes  int    `json:"routes"`
	Waiting int    `json:"waiting"`
	Sent    uint64 `json:"sent"`
	Dead    uint64 `json:"dead"` // given up
	// Recorded were written down and never sent: the alerts of shadow mode.
	Recorded uint64 `json:"recorded,omitempty"`
	// ByRoute is what became of each route's, in the order of the configuration.
	ByRoute []RouteReceipts `json:"by_route,omitempty"`
}

// Agent is an enrolled agent.
type Agent struct {
	ID        string        `json:"id"`
	Client    string        `json:"client"`
	Site      string        `json:"site"` // "client/site"
	Network   string        `json:"network,omitempty"`
	Region    string        `json:"region,omitempty"`
	Hostname  string        `json:"hostname,omitempty"`
	OS        string        `json:"os,omitempty"`
	Version   string        `json:"version,omitempty"`
	Connected bool          `json:"connected"`
	Transport string        `json:"transport,omitempty"` // quic, ...
	Remote    string        `json:"remote,omitempty"`
	RTT       time.Duration `json:"rtt_ns,omitempty"`
	Since     time.Time     `json:"since,omitzero"` // of the session
	Enrolled  time.Time     `json:"enrolled,omitzero"`
	Seen      time.Time     `json:"seen,omitzero"`
	NotAfter  time.Time     `json:"not_after,omitzero"` // of its certificate
	Revoked   time.Time     `json:"revoked,omitzero"`
	Voting    bool          `json:"voting"`
	Why       string        `json:"why,omitempty"` // why it does not vote
	RefsOK    int           `json:"refs_ok"`
	RefsAsked int           `json:"refs_asked"`
	Spool     uint64        `json:"spool"`   // results not yet acknowledged
	Dropped   uint64        `json:"dropped"` // results it had to drop
	Offset    time.Duration `json:"offset_ns"`
	Config    uint64        `json:"config,omitempty"`    // that it applied
	Refused   string        `json:"refused,omitempty"`   // why it refused the newest one
	HostedBy  string        `json:"hosted_by,omitempty"` // provider on whose servers its site runs
	Clone     *Clone        `json:"clone,omitempty"`     // another machine that came with the same identity; nil: none lately
	Gossip    string        `json:"gossip,omitempty"`    // alive, suspect, dead, left: as memberlist sees it
	Doctor    *Doctor       `json:"doctor,omitempty"`    // what it last found out about itself; nil: nothing since the collector started

	// Left and LeftWhy are its goodbye, if it is not connected and said one: stop,
	// shutdown, reboot, uninstall, upgrade.
	Left    time.Time `json:"left,omitzero"`
	LeftWhy string    `json:"left_why,omitempty"`
	Away    time.Time `json:"away,omitzero"`   // the machine is elsewhere since, and does not vote
	Moved   *Moved    `json:"moved,omitempty"` // its site is not on its usual line
	Traffic *Traffic  `json:"traffic,omitempty"`
}

// Moved says on which other line than its usual one a site is.
type Moved struct {
	Since  time.Time `json:"since"`
	Usual  string    `json:"usual"`
	Now    string    `json:"now"`
	Backup bool      `json:"backup"` // surely another line; else it may be another address of the same
}

// Traffic is what an agent's checks cost its line, as it counts it.
type Traffic struct {
	Day     uint64  `json:"day_bytes"`         // since midnight, UTC
	Month   uint64  `json:"month_bytes"`       // since the first, UTC
	Stretch float64 `json:"stretch,omitempty"` // by which it asks less often than configured; 0: not
}

// Doctor is an agent's latest report about itself (picket-agent doctor).
type Doctor struct {
	At       time.Time `json:"at"` // by the agent's clock
	Findings []Found   `json:"findings"`
}

// Found is one finding of an agent's doctor.
type Found struct {
	ID    string `json:"id"`
	Level string `json:"level"` // PASS, SKIP, WARN, FAIL, UNKNOWN
	Text  string `json:"text"`
	Means string `json:"means,omitempty"`
	Fix   string `json:"fix,omitempty"`
	Code  string `json:"code,omitempty"` // of a page in docs/errors
}

// Where results go, as codes of [Unready].
const (
	SinkInflux = "influxdb"
	SinkStore  = "sqlite" // the collector's own database
)

// Unready is one reason why the collector does not do its work.
type Unready struct {
	Code string `json:"code"` // stable, such as [SinkStore] and [SinkInflux]
	Text string `json:"text"`
}

// Admin is what the operators' verbs need beyond looking.
type Admin interface {
	Source
	Actions
	Joins
	Importer
	Backups
	Configurer
	Notifier
	Explainer
	Previewer
}

// ErrNotFound marks an unknown id.
var ErrNotFound = errors.New("not found")

// Error is an answer for people: what failed, why, and what to do.
type Error struct {
	Status int    `json:"-"`
	Code   string `json:"code"` // stable, for programs
	What   string `json:"what"`
	Why    string `json:"why,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// Error returns what and why.
func (e *Error) Error() string {
	if e.Why == "" {
		return e.What
	}
	return e.What + ": " + e.Why
}
