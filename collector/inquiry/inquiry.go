// Package inquiry answers the question "is it us, our ISP, or them?" about one
// site and one service: facts in, one sentence out. It is pure: no network, no
// clock, no goroutine. The collector has sites probe ([Choose] says which), puts
// what they saw into [Facts], and [Judge] says who it is.
//
// # What counts
//
// A site that was asked just now is worth more than what is known from before,
// because a person wants to know about now. So the fresh rows decide, and what
// the detector has found (open incidents, who has lost contact) decides only
// where rows cannot: what a silent site means, and how sure we are.
//
// Beside each probe the site asks references, endpoints that belong to nobody
// whom we watch. A site whose references fail testifies about its own line and
// not about the service. Counts are sites and ISPs, never agents.
//
// # Who it is
//
//	the site sees                    the others see                  it is
//	it works                         most of them too                nobody
//	it is served to nobody (403)     they are refused alike          nobody
//	it is refused                    nobody else is                  the site, possibly (proxy, filter)
//	it fails, or nothing             a quorum fails                  the service
//	its references fail too          it works                        the site (its line)
//	references fail                  all of its ISP likewise         the ISP
//	references fail                  its ISP's others: silence       the ISP, possibly
//	it fails                         its ISP's others and ISPs: fine the site (filter, DNS, set-up)
//	it fails                         only its ISP fails              between ISP and service
//	it fails                         nobody else of its ISP looks    between, possibly the site
//	lost contact                     it works                        the site, possibly
//	lost contact                     its ISP's others at that time   the ISP, possibly
//	was stopped, or not heard yet    anything but a quorum           can't tell
//	anything                         split, below the quorum         can't tell: mixed results
//	it fails                         nobody else can say             can't tell
//
// The quorum is the detector's ([detect.Rule] K and M) over the sites asked
// here, which are few: by itself an answer is "Likely" at most, "Confirmed" when
// the detector has confirmed an incident about the target.
//
// Three wordings are promises. Silence of one site is "lost contact", never
// "line down", unless there is evidence; silence of several speaks against their
// ISP only if they were heard until about the same time and nobody stopped them. What only one ISP sees is "between" it
// and the service and blames neither, unless its references fail as well. And
// an answer that needs more than there is says what is missing.
//
// # Whom an answer may be shown
//
// Sentences, links and what is missing name the site that was asked about and the
// ISPs of the client whose answer it is, never another site; an answer that is the
// staff's alone names any ISP. Rows name all; [Finding.For] takes out what another
// client must not see, and [Finding.Concerns] says whether a client's people may
// see the answer at all.
package inquiry

import (
	"time"

	"picket/collector/detect"
)

// Question is what somebody asks.
type Question struct {
	// Target is the id of a target, its host, or (for who may probe anything) a
	// URL or host that nobody watches.
	Target string `json:"target"`
	Site   string `json:"site,omitempty"` // "client/site"; "" asks about everybody
}

// Party is who it is.
type Party string

// The parties. The texts travel in the API: never rename.
const (
	Nobody   Party = "nobody"  // it works
	Site     Party = "site"    // us: the site's line, LAN, resolver, firewall
	ISP      Party = "isp"     // the site's internet provider
	Path     Party = "path"    // between the ISP and the service, blaming neither
	Service  Party = "service" // them
	CantTell Party = "cannot-tell"
)

// LinkState is how one link of the chain is.
type LinkState string

// The states of a link.
const (
	LinkOK      LinkState = "ok"
	LinkBroken  LinkState = "broken"
	LinkSlow    LinkState = "slow"
	LinkUnknown LinkState = "unknown" // nothing is known, or a link before it is broken
)

// Link is one link of the chain from the site to the provider, in the order
// internet, dns, path, service.
type Link struct {
	ID    string    `json:"id"`   // "internet", "dns", "path", "service"
	Name  string    `json:"name"` // for people: "acme/madrid's internet", "DNS", "AS3352 Telefonica", "Azure"
	State LinkState `json:"state"`
	Text  string    `json:"text"` // what was seen: "3 of 3 references answer"
}

// Row is what one site saw when it was asked just now.
type Row struct {
	Site   string `json:"site"`   // "" in what another client is shown
	Client string `json:"client"` // likewise
	ISP    string `json:"isp,omitempty"`
	Region string `json:"region,omitempty"` // vantage region
	Own    bool   `json:"own,omitempty"`    // the site of the question
	// State is how the asking went: "answered", "silent" (no session, or no
	// answer in time), "refused" (the agent's local policy, or too busy).
	State     string        `json:"state"`
	Why       string        `json:"why,omitempty"`
	Outcome   string        `json:"outcome,omitempty"` // up, degraded, down, unknown
	Layer     string        `json:"layer,omitempty"`   // dns, tcp, tls, http: where it failed
	Cause     string        `json:"cause,omitempty"`
	DNS       time.Duration `json:"dns_ns,omitempty"`
	Connect   time.Duration `json:"connect_ns,omitempty"`
	TLS       time.Duration `json:"tls_ns,omitempty"`
	TTFB      time.Duration `json:"ttfb_ns,omitempty"`
	Total     time.Duration `json:"total_ns,omitempty"`
	Addr      string        `json:"addr,omitempty"`
	Err       string        `json:"err,omitempty"`
	RefsOK    int           `json:"refs_ok"` // references asked beside it
	RefsAsked int           `json:"refs_asked"`
}

// Finding is the answer.
type Finding struct {
	ID         string            `json:"id"`
	Question   Question          `json:"question"`
	At         time.Time         `json:"at"`
	Took       time.Duration     `json:"took_ns"`
	Party      Party             `json:"party"`
	Confidence detect.Confidence `json:"confidence,omitempty"`
	Sentence   string            `json:"sentence"`         // one sentence
	Detail     string            `json:"detail,omitempty"` // a second one: the counts
	Chain      []Link            `json:"chain"`
	Rows       []Row             `json:"rows"` // the asking site first
	// Missing says what would have to be known to tell more: "a second site on
	// AS3352 Telefonica", "a site on another ISP".
	Missing []string `json:"missing,omitempty"`
	// Incident is the open incident that the answer is about; "" if there is none.
	Incident string `json:"incident,omitempty"`
	Label    string `json:"label"` // the target for people
	// Client is whose question it is: beside the staff only its people may see
	// the answer. "" is the staff's alone.
	Client string   `json:"client,omitempty"`
	isps   []string // of Client's sites
}
