package web

import (
	"context"
	"net/http"
	"time"
)

// The kinds of join tokens.
const (
	KindOneShot = "one-shot" // one agent, now
	KindSite    = "site"     // the machines of one site, over weeks
	KindTenant  = "tenant"   // any machine of a client, each approved by an admin
)

// The longest life of a join token, and the most agents that may join with one.
const (
	maxTTL  = 90 * 24 * time.Hour
	maxUses = 10_000
)

// TokenRequest asks for a join token.
type TokenRequest struct {
	Kind     string `json:"kind,omitempty"`      // "" means one-shot for one use, site for more
	Client   string `json:"client"`              // required
	Site     string `json:"site"`                // the name within the client; required but for a tenant's
	Region   string `json:"region,omitempty"`    // vantage region
	Network  string `json:"network,omitempty"`   // ISP as the operator names it
	HostedBy string `json:"hosted_by,omitempty"` // provider on whose servers the site runs; "none" takes that back
	TTL      string `json:"ttl,omitempty"`       // "24h"; "" means what the kind allows
	Uses     int    `json:"uses,omitempty"`      // 0 means what the kind allows
	// Roaming: for machines without a fixed place; elsewhere they do not vote.
	Roaming bool `json:"roaming,omitempty"`
	// Offline wants the certificate of the root along, for a bundle.
	Offline bool `json:"offline,omitempty"`
}

// Lifetime is TTL as a duration, 0 if none was asked for.
func (r TokenRequest) Lifetime() (time.Duration, error) {
	return lifetime(r.TTL, "the token was not made")
}

func lifetime(ttl, what string) (time.Duration, error) {
	if ttl == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(ttl)
	if err != nil || d <= 0 || d > maxTTL {
		return 0, &Error{Status: http.StatusBadRequest, Code: "ttl", What: what, Why: "ttl is not a time of at most 2160h", Fix: "write a number and a unit, such as 24h"}
	}
	return d, nil
}

// valid says what keeps r from being granted that needs no look at the fleet.
func (r TokenRequest) valid() error {
	refuse := func(why, fix string) error {
		return &Error{Status: http.StatusBadRequest, Code: "token", What: "the token was not made", Why: why, Fix: fix}
	}
	switch {
	case r.Kind == KindTenant && r.Client == "":
		return refuse("it has no client", "name it: --client C")
	case r.Kind == KindTenant && r.Site != "":
		return refuse("a tenant token is for all sites of the client", "leave out --site; the site is named at approval, or by picket-agent join --site")
	case r.Kind != KindTenant && (r.Client == "" || r.Site == ""):
		return refuse("it has no client or no site", "name both: --client C --site S")
	case r.Uses < 0 || r.Uses > maxUses:
		return refuse("uses is not a number from 1 to 10000", "")
	case r.Kind == KindOneShot && r.Uses > 1:
		return refuse("a one-shot token is for one agent", "make one of the kind site")
	}
	_, err := r.Lifetime()
	return err
}

// Token is a join token with the command to paste.
type Token struct {
	Token   string    `json:"token"`
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Client  string    `json:"client"`
	Site    string    `json:"site"` // "client/site"; "" of a tenant's
	Command string    `json:"command"`
	Expires time.Time `json:"expires"`
	Uses    int       `json:"uses"`
	Root    string    `json:"root,omitempty"` // PEM, if it was asked for
}

// JoinToken is a join token as operators see it later: without its secret.
type JoinToken struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	Client      string    `json:"client"`
	Site        string    `json:"site"` // "client/site"; "" of a tenant's
	Uses        int       `json:"uses"` // how many agents may join with it
	Used        int       `json:"used"` // how many did
	Created     time.Time `json:"created"`
	By          string    `json:"by,omitempty"` // who made it
	Expires     time.Time `json:"expires"`
	LastUsed    time.Time `json:"last_used,omitzero"`
	LastFrom    string    `json:"last_from,omitempty"`    // the address that came from
	LastNetwork string    `json:"last_network,omitempty"` // and its network
	Revoked     time.Time `json:"revoked,omitzero"`
}

// Request is a machine that asked to join with a tenant's token.
type Request struct {
	ID       string    `json:"id"`
	Token    string    `json:"token"`
	Client   string    `json:"client"`
	Wish     string    `json:"wish,omitempty"` // site that whoever installs it named
	Hostname string    `json:"hostname,omitempty"`
	OS       string    `json:"os,omitempty"`
	Version  string    `json:"version,omitempty"`
	From     string    `json:"from,omitempty"` // address
	Network  string    `json:"network,omitempty"`
	Made     time.Time `json:"made"`
	Asked    time.Time `json:"asked"` // last
	Expires  time.Time `json:"expires"`
	State    string    `json:"state"`          // waiting, approved (it has not come for its certificate yet), denied
	Site     string    `json:"site,omitempty"` // "client/site", once approved
	By       string    `json:"by,omitempty"`   // who decided
}

// Approval is the answer to a request. Empty fields leave what is known of the site.
type Approval struct {
	Site     string `json:"site,omitempty"` // the name within the client; "" the one that was wished for
	Region   string `json:"region,omitempty"`
	Network  string `json:"network,omitempty"`
	HostedBy string `json:"hosted_by,omitempty"`
}

// Approvals decides about machines that wait.
type Approvals interface {
	// Requests lists those that are kept, who waits first.
	Requests(ctx context.Context) ([]Request, error)
	// Approve lets one join, when it asks again. errors.Is: [ErrNotFound]; an
	// error that is an *[Error] is told as it is.
	Approve(ctx context.Context, by, id string, a Approval) (Request, error)
	// Deny refuses one, in the same way.
	Deny(ctx context.Context, by, id string) (Request, error)
}

// SiteImport is a list of sites that shall exist, each with a token to join with.
type SiteImport struct {
	CSV   string `json:"csv"` // as package sitefile reads it
	Plan  bool   `json:"plan,omitempty"`
	Renew bool   `json:"renew,omitempty"` // new tokens for sites that have a good one
	TTL   string `json:"ttl,omitempty"`   // of the tokens; "" means 720h
	Uses  int    `json:"uses,omitempty"`  // of each; 0 means 25
}

// Lifetime is TTL as a duration, 0 if none was asked for.
func (i SiteImport) Lifetime() (time.Duration, error) {
	if i.Uses < 0 || i.Uses > maxUses {
		return 0, &Error{Status: http.StatusBadRequest, Code: "sites", What: "nothing was imported", Why: "uses is not a number from 1 to 10000"}
	}
	return lifetime(i.TTL, "nothing was imported")
}

// ImportedSite is what became of one row.
type ImportedSite struct {
	Client   string    `json:"client"`
	Site     string    `json:"site"` // the name within the client
	Region   string    `json:"region,omitempty"`
	ISP      string    `json:"isp,omitempty"`
	HostedBy string    `json:"hosted_by,omitempty"`
	Change   string    `json:"change"`             // new, changed, same
	Token    string    `json:"token,omitempty"`    // "" if it has a good one, or this is a plan
	ID       string    `json:"id,omitempty"`       // of the token, or of the one that it has
	Expires  time.Time `json:"expires,omitzero"`   // of that
	Standing bool      `json:"standing,omitempty"` // it has a good token, which is not shown again
}

// Importer makes sites of a list.
type Importer interface {
	// ImportSites does all of it or nothing. What is wrong with the list is told
	// all at once in an *[Error].
	ImportSites(ctx context.Context, by string, i SiteImport) ([]ImportedSite, error)
}

// Clone is a machine that was refused because another one is online with the
// identity of the same agent.
type Clone struct {
	At    time.Time `json:"at"`    // when it came last
	Since time.Time `json:"since"` // when it came first
	Host  string    `json:"host,omitempty"`
	From  string    `json:"from"` // address
}
