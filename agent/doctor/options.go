package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"time"

	"picket/internal/identity"
	"picket/internal/uplink"
)

// Options say what to look at.
type Options struct {
	// Dir is the agent's state directory. Required.
	Dir string
	// Version of this program.
	Version string
	// Ways to the collector; without Open, UDP is not tried.
	Ways uplink.Ways
	// Addrs and Pin are the collector of a machine that is about to join; empty
	// means that the identity in Dir tells.
	Addrs []string
	Pin   identity.Pin
	// Running asks the agent that runs on Dir; nil: nobody is asked, because the
	// machine is about to join.
	Running func(context.Context) (Running, error)
	// Service is what the service manager says of the agent, as the end of "the
	// service is"; "" is not known.
	Service string
	// Waits says that the machine's join waits for an admin's approval.
	Waits bool
	// Revoked is when the agent of Dir was told that it was; zero: it was not.
	Revoked time.Time
	// Resolver is the machine's; nil means net.DefaultResolver.
	Resolver *net.Resolver
	// Compare lists DNS servers (ip or ip:port) that are asked for the collector's
	// name when the machine's own do not know it. Empty: none.
	Compare []string
	// Watched are public services that are watched from here, of different owners:
	// witnesses of what this network does to plain HTTP and to HTTPS. None is fine.
	Watched []Service
	// Allow is the site's policy for the addresses of Watched, and for port 80 of the
	// collector's, unless it is on this machine; nil allows all.
	Allow func(netip.Addr) error
	// Roots are trusted for HTTPS; nil means the system's.
	Roots *x509.CertPool
	// Anchors are the folders of roots that somebody added to this machine; nil
	// means the usual ones.
	Anchors []string
	// Within bounds the whole; 0 means 9 s, at most that is used.
	Within time.Duration
}

// joining says that the machine has no identity yet and is about to get one.
func (o Options) joining() bool { return len(o.Addrs) > 0 }

// ErrNotRunning and ErrOtherUser are why [Options.Running] has no answer.
var (
	ErrNotRunning = errors.New("no agent answers on this state directory")
	ErrOtherUser  = errors.New("the agent belongs to another user")
)

// Running is what the agent at work tells of itself.
type Running struct {
	Version   string
	Exe       string // "" is not known
	Started   time.Time
	Connected bool
	Transport string // "" is not known
	Offset    time.Duration
	Network   string // as the collector sees it
	Voting    bool
	Why       string // it does not vote
	Checks    int
	Pending   uint64 // results that the collector does not have yet
	Oldest    time.Time
	Dropped   uint64
	SpoolErr  string
	RSS       uint64  // bytes
	CPU       float64 // percent of one core, mean since the start
	Revoked   time.Time
	// KeptOut is why the collector answers and does not let the agent in: its
	// code, E111 or E113, what it said, and what to do. Empty: it is not.
	KeptOut, KeptOutText, KeptOutFix string
}

// Evidence is what was seen. The zero value of a part means that it was not
// looked at.
type Evidence struct {
	At      time.Time
	Joining bool
	Dir     string
	Version string
	OS      string // GOOS
	Host    string // of this machine
	Machine Machine
	Who     Identity
	Running *Running
	RunErr  error
	Service string // what the service manager says; "" is not known
	Names   []Name // one for each name of the collector; none for addresses
	Rewrite Rewrite
	Addrs   []netip.AddrPort // of the collector
	UDP     Knock
	TCP     Knock
	Pages   []Page  // the collector's first
	Path    Path    // to the collector
	Shown   []Shown // by what is watched
	Proxy   string  // host:port of the proxy to the collector, without credentials; "" is none
	ProxyErr,
	Ping4, Ping6 error // nil: echo requests work
	NoV6 bool // this machine has no IPv6
}

// Machine is what the disk tells.
type Machine struct {
	Exe     string // path of this program
	ExeErr  error  // it is not there any more
	DirErr  error  // the state directory cannot be used
	Full    error  // it cannot be written
	Free    uint64 // bytes for the agent's user
	FreeErr error
	Loose   []string // files with secrets that others may open, with their modes
}

// Identity is what the state directory says about enrolment.
type Identity struct {
	Err      error // [identity.ErrNotEnrolled], or what is wrong with it
	Agent    string
	Client   string
	Site     string
	NotAfter time.Time
	RenewAt  time.Time
	Revoked  time.Time // when this machine was told
	Waits    bool      // for an admin's approval of its join
}

// Name is what DNS said about one of the collector's names.
type Name struct {
	Host   string
	Addrs  []netip.Addr
	Took   time.Duration
	Server string // that answered, as far as it is known
	Err    error
	// Elsewhere is what a server to compare with said; asked only after an error.
	ElsewhereServer string
	Elsewhere       []netip.Addr
	ElsewhereErr    error
}

// Rewrite is whether DNS makes up an answer for a name that cannot exist.
type Rewrite struct {
	Asked bool
	Addr  netip.Addr // what was made up
}

// Knock is what came of knocking by one transport.
type Knock struct {
	Tried bool
	Err   error
	Took  time.Duration
	Saw   uplink.Knocked
}

// ok says that the collector answered.
func (k Knock) ok() bool { return k.Tried && k.Err == nil }
