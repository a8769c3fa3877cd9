package config

import (
	"fmt"
	"hash/crc32"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/internal/fleet"
	"picket/probes"
)

// The defaults of the keys that have one.
const (
	DefaultListen       = "0.0.0.0:4443"
	DefaultHTTP         = "127.0.0.1:8443"
	DefaultPoliteness   = time.Second
	DefaultResolveDelay = 5 * time.Minute
	// DefaultDelay is how long trouble must last before a route that says nothing
	// is told: the ten seconds within which it is transient, and two more in which
	// the agents that are asked whether it is over have answered.
	DefaultDelay = 12 * time.Second
)

// DefaultInterval is how often a check of kind k is asked by a site when the
// file does not say: 60 s for what costs a TLS handshake, 20 s for the rest.
func DefaultInterval(k probes.Kind) time.Duration {
	if k == probes.TLS || k == probes.HTTP {
		return time.Minute
	}
	return 20 * time.Second
}

// File is a fleet file that was read without a problem, defaults filled in.
type File struct {
	Name   string   // as it was given to Parse; "" for the embedded defaults
	Listen string   // host:port of the agents' socket, UDP and TCP
	HTTP   string   // host:port of the page
	Data   string   // the data folder; "" means that the collector's own default counts
	Public []string // host:port that tokens name, in the order to try
	// ListenTCP is the TCP half of Listen, for sites where UDP is blocked; on by default.
	ListenTCP bool

	TLS   *TLS     // nil: the page speaks plain HTTP
	Names []string // hosts under which people ask for the page, lower case, those of ACME among them; may be empty
	// Login says that the page wants a log-in on loopback too. Elsewhere it
	// always does.
	Login bool
	// BehindProxy says that a proxy in front adds TLS, so that plain HTTP is
	// fine on any address.
	BehindProxy bool
	// TrustedProxies are the addresses, masked, of proxies whose
	// X-Forwarded-For is believed when BehindProxy is set. Loopback always is,
	// so it may be empty if the page listens there.
	TrustedProxies []netip.Prefix

	Influx     *Influx // nil: no InfluxDB
	Networks   []Network
	Politeness time.Duration
	// WANCheck has the public addresses of sites asked, as evidence when a site
	// falls silent.
	WANCheck bool
	// Official has the public status feeds of the providers that are watched read,
	// to show beside our verdict what they say.
	Official bool
	// Traffic bounds what checks cost the sites.
	Traffic   Traffic
	Providers []Provider // of the file and, if it is included, the catalogue
	Clients   []fleet.Client
	Targets   []Target // in the order of the file, then of the catalogue
	SMTP      *SMTP    // nil: no mail
	Alerts    []Route
	// Shadow has alerts written down and not sent.
	Shadow bool
	// Gold are the clients that are served before others.
	Gold     []string
	Daily    *Digest   // the digest: key; nil: none is sent
	Runbooks []Runbook // the first that matches counts
	// Fallback is the route that is told in the place of those that name none.
	Fallback string
	// Lookups says which DNS server tells what routes and the page rely on:
	// LookupsSystem, LookupsOff, or host:port.
	Lookups    string
	WeeklyTest Weekly
	// Maintenance are windows of planned work, in the order of the file; some may
	// be over.
	Maintenance []Maintenance
	// Catalogue says that the embedded catalogue is among the targets.
	Catalogue bool
	// Warnings are legal but unwise.
	Warnings Problems
	// Digest is of the text and of the files that were read with it (ca_file).
	// Secrets are not in it.
	Digest [32]byte
}

// Secret says where a secret is; the file never contains one. Exactly one
// field is set.
type Secret struct {
	File string
	Env  string
}

// Read returns the secret without surrounding white space. It is read when it
// is used, so that a rotated secret needs no new configuration.
func (s Secret) Read() ([]byte, error) {
	var value string
	if s.Env != "" {
		value = os.Getenv(s.Env)
	} else {
		b, err := readSmall(s.File, 64<<10)
		if err != nil {
			return nil, fmt.Errorf("read secret: %w", err)
		}
		value = string(b)
	}
	if value = strings.TrimSpace(value); value == "" {
		return nil, fmt.Errorf("the secret in %s is empty", s)
	}
	return []byte(value), nil
}

// String names the place, never the secret.
func (s Secret) String() string {
	if s.Env != "" {
		return "environment variable " + s.Env
	}
	return "file " + s.File
}

// Influx is the database for dashboards.
type Influx struct {
	URL    string
	Org    string // "" for InfluxDB 1.8
	Bucket string
	Token  Secret // zero: no authentication
}

// Network names the addresses of one ISP.
type Network struct {
	Prefix   netip.Prefix // masked
	Name     string
	Upstream string // networks with the same upstream vote as one; "" means none
	Metered  bool   // every line of it is expensive: the daily budget holds
}

// Traffic is the budget of every site, and the sites with one of their own.
type Traffic struct {
	fleet.Budget
	Sites []SiteTraffic
}

// SiteTraffic is the budget of one site, "client/site"; what is 0 is as for all.
type SiteTraffic struct {
	Site string
	fleet.Budget
}

// Provider is a cloud with the name that people know.
type Provider struct{ ID, Name string }

// Target is one endpoint with its checks.
type Target struct {
	fleet.Target
	Checks []fleet.Check // IDs and intervals filled in
}

// Route is whom to tell about what: by a webhook or by mail, never both.
type Route struct {
	Name    string
	Webhook string   // "" for another way. May contain a secret: do not log it
	Secret  Secret   // signs what goes to the webhook; zero for another way
	Mail    []string // the recipients, as plain addresses; empty for another way
	// The other ways; exactly one way is set. Of these three the URL is the secret.
	Slack, Teams, Shoutrrr *Secret
	PagerDuty              *PagerDuty
	Alertmanager           *Alertmanager
	Ticket                 *Ticket
	// Delay is how long after the decision the condition must hold.
	Delay time.Duration
	// ResolveDelay is how long health must last before "resolved" is told.
	ResolveDelay  time.Duration
	Kinds         string         // "provider-side", "site" or "all"
	MinConfidence string         // "suspected", "probable" or "confirmed"
	Zone          *time.Location // of who reads it; nil: the server's
	Policy
	// BuiltIn: nobody receives it; what it would have been told is written down.
	BuiltIn bool
	// Escalate is whom to tell next if nobody acknowledges.
	Escalate Escalation
	// OnlyEscalation: it is told nothing that is not handed on to it.
	OnlyEscalation bool
	// Fallback is the route that is told in its place when what its way relies on
	// is out; "" leaves the choice to Picket.
	Fallback string
}

// Fleet compiles the targets and checks into what agents are told, in the
// order of the file. ID is 0: the store assigns it.
func (f *File) Fleet() fleet.Config {
	cfg := fleet.Config{Politeness: f.Politeness, Budget: f.Traffic.Budget}
	if len(f.Traffic.Sites) > 0 {
		cfg.Budget.Revision = crc32.ChecksumIEEE([]byte(f.Traffic.words()))
	}
	for _, t := range f.Targets {
		cfg.Targets = append(cfg.Targets, t.Target)
		cfg.Checks = append(cfg.Checks, t.Checks...)
	}
	return cfg
}

// Lookup returns the network of addr by the longest matching prefix. The
// IPv4-mapped form of an address is the IPv4 address.
func (f *File) Lookup(addr netip.Addr) (name, upstream string, ok bool) {
	addr = addr.Unmap().WithZone("")
	best := -1
	for _, n := range f.Networks {
		if n.Prefix.Contains(addr) && n.Prefix.Bits() > best {
			name, upstream, best = n.Name, n.Upstream, n.Prefix.Bits()
		}
	}
	return name, upstream, best >= 0
}

// Metered says whether the network of addr, by the longest matching prefix, is
// marked as expensive.
func (f *File) Metered(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	best, metered := -1, false
	for _, n := range f.Networks {
		if n.Prefix.Contains(addr) && n.Prefix.Bits() > best {
			best, metered = n.Prefix.Bits(), n.Metered
		}
	}
	return metered
}

// ProviderName is the provider's name for people, its id if it has none.
func (f *File) ProviderName(id string) string {
	for _, p := range f.Providers {
		if p.ID == id && p.Name != "" {
			return p.Name
		}
	}
	return id
}

// Load reads and parses the file at path.
func Load(path string) (*File, []byte, error) {
	src, err := readSmall(path, strict.MaxSource+1)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	f, err := Parse(path, src)
	return f, src, err
}

// beside resolves path relative to the folder of the fleet file.
func beside(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// readSmall reads a regular file of at most limit bytes; a pipe or a device
// would hang or never end.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

// Unreadable says which secrets that the file names cannot be read now, by this
// user.
func (f *File) Unreadable() (errs []error) {
	try := func(what string, s Secret) {
		if s == (Secret{}) {
			return
		}
		if _, err := s.Read(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	for _, r := range f.Alerts {
		for _, secret := range r.secrets() {
			try("alert route "+r.Name, secret)
		}
	}
	if f.SMTP != nil {
		try("smtp", f.SMTP.Password)
	}
	if f.Influx != nil {
		try("influx", f.Influx.Token)
	}
	return errs
}
