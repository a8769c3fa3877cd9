package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"picket/agent/proxy"
	"picket/agent/spool"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// Bounds of an enrolment.
const (
	resolveTime = 5 * time.Second // for each name of the token
	enrolTime   = time.Minute     // for all ways together, which are raced, and for the reply
	maxDial     = 16              // addresses tried; a name may stand for dozens
)

// JoinOptions say where and with what to enrol.
type JoinOptions struct {
	Dir     string      // state directory; made if it is not there
	Ways    uplink.Ways // to the collector
	Token   identity.Token
	Policy  identity.Policy // what the probes may reach; kept with the identity
	Version string
	// Site is where whoever installs the agent says that it stands, the name within
	// the token's client; "" leaves it to the token, or to who approves.
	Site string
	// Proxy is kept in Dir for the agent's sessions ([proxy.Store]); "" keeps what
	// is there.
	Proxy string
	// Replace gives an enrolled machine a new identity. Once the collector has
	// granted it, all that belongs to the old one, results not yet delivered
	// included, is moved into a folder of Dir. False refuses instead.
	Replace bool
}

// What keeps a machine from being enrolled, beside [identity.ErrEnrolled] and
// what the collector says.
var (
	// ErrState says that the state directory cannot be used; the token was not spent.
	ErrState = errors.New("the state directory cannot be used")
	// ErrBusy says with ErrState that an agent runs on the directory.
	ErrBusy = errors.New("an agent runs on it, stop it first")
	// ErrNames says that none of the token's addresses could be resolved; a
	// *[net.DNSError] is beneath. The token was not spent.
	ErrNames = errors.New("the collector's name cannot be resolved")
	// ErrNotStored says that the collector enrolled the agent but the identity
	// could not be written. The same token gives it again while it lives.
	ErrNotStored = errors.New("identity not stored")
)

// Join enrols this machine: it makes a key, has the collector sign it, and
// stores the identity in Dir. Nothing is sent before the collector has proved
// to hold the key pinned in the token ([identity.ErrPin]); what the collector
// refuses is an [*uplink.Refusal]. Dir is tried before the token is spent, and
// an old identity stays in place until the new one is granted. The key is on disk
// before it is sent: if the answer is lost on the way, Join with the same token
// asks for the same identity again, which uses nothing up. A token that needs the
// approval of an admin ends in the refusal [uplink.Waiting]: the request is kept
// in Dir, and [Await] goes on with it.
//
// All addresses are raced, over QUIC and TCP; the whole takes a minute at most.
func Join(ctx context.Context, o JoinOptions) (uplink.EnrolResponse, error) {
	var none uplink.EnrolResponse
	if err := Fit(o); err != nil {
		return none, err
	}
	key, err := identity.PendingKey(o.Dir, o.Token.ID)
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrState, err)
	}
	csr, err := identity.CSR(key)
	if err != nil {
		return none, err
	}
	addrs := o.Token.Addrs
	if !proxied(o.Ways, addrs) { // a proxy resolves the names itself
		if addrs, err = resolve(ctx, addrs); err != nil {
			return none, err
		}
	}
	host, _ := os.Hostname() // for people's orientation only
	ctx, cancel := context.WithTimeout(ctx, enrolTime)
	defer cancel()
	res, err := uplink.Enrol(ctx, o.Ways, addrs, o.Token.Pin, uplink.EnrolRequest{
		TokenID: o.Token.ID, Secret: o.Token.Secret, CSR: csr,
		Hostname: host, OS: runtime.GOOS + "/" + runtime.GOARCH, Version: o.Version, Site: o.Site,
	})
	if err := o.waits(err); err != nil {
		return res, err
	}
	if err := setAside(o.Dir, time.Now()); err != nil {
		return res, fmt.Errorf("%w: %w", ErrNotStored, err)
	}
	if err := proxy.Store(o.Dir, o.Proxy); err != nil {
		return res, fmt.Errorf("%w: %w", ErrNotStored, err)
	}
	info := identity.Info{Agent: res.Agent, Client: res.Client, Site: res.Site, Region: res.Region, Addrs: o.Token.Addrs, Policy: o.Policy}
	if _, err := identity.SaveBundle(o.Dir, key, res.Chain, res.Trust, info); err != nil {
		return res, fmt.Errorf("%w: %w", ErrNotStored, err)
	}
	_ = identity.DropPending(o.Dir) // a key that is in use is never asked with again
	return res, nil
}

// proxied says whether one of addrs is reached by a proxy, or may be: an error of
// the choice is Enrol's to report.
func proxied(ways uplink.Ways, addrs []string) bool {
	for _, a := range addrs {
		if ways.Proxy == nil {
			return false
		}
		if u, err := ways.Proxy(a); u != nil || err != nil {
			return true
		}
	}
	return false
}

// Fit says whether o.Dir can take a new identity now. Errors are [ErrState].
func Fit(o JoinOptions) error {
	if err := identity.PrepareDir(o.Dir); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if _, err := identity.LoadBundle(o.Dir); !errors.Is(err, identity.ErrNotEnrolled) && !o.Replace {
		if err == nil {
			err = identity.ErrEnrolled
		}
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	dir := filepath.Join(o.Dir, "spool")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Whoever holds the spool is an agent at work under the old identity. Any
	// other trouble of the spool does not matter: it is moved away.
	old, err := spool.Open(spool.Options{Dir: dir})
	if errors.Is(err, spool.ErrLocked) {
		return fmt.Errorf("%w: %w: %w", ErrState, ErrBusy, err)
	}
	if err == nil {
		err = old.Close()
	}
	if err != nil && !o.Replace {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

// resolve looks up every host of hostports and returns ip:port, the first
// address of every host before the second of any. An error is [ErrNames].
func resolve(ctx context.Context, hostports []string) ([]string, error) {
	var found [][]string
	var errs []error
	for _, hp := range hostports {
		list, err := resolveOne(ctx, hp)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, list)
	}
	var all []string
	seen := map[string]bool{}
	for i, more := 0, true; more; i++ {
		more = false
		for _, list := range found {
			if i >= len(list) {
				continue
			}
			more = true
			if !seen[list[i]] && len(all) < maxDial {
				seen[list[i]] = true
				all = append(all, list[i])
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %w", ErrNames, errors.Join(errs...))
	}
	return all, nil
}

func resolveOne(ctx context.Context, hostport string) ([]string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port of %s: %w", hostport, err)
	}
	addrs := make([]netip.Addr, 1)
	if addrs[0], err = netip.ParseAddr(host); err != nil {
		ctx, cancel := context.WithTimeout(ctx, resolveTime)
		defer cancel()
		if addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return nil, err
		}
	}
	list := make([]string, 0, len(addrs))
	for _, a := range addrs {
		list = append(list, netip.AddrPortFrom(a.Unmap(), uint16(n)).String())
	}
	return list, nil
}

// belongings are the names in a state directory that belong to an identity, in
// the order in which they leave. The spool goes first: no crash on the way may
// leave a new identity with the results of an old one.
func belongings() []string {
	return []string{"spool", "config.json", "roster.json", "network.json", revokedName, "agent.crt", "agent.key", "agent.json", "root.crt"}
}

// setAside moves what belongs to an earlier identity into a folder of its own,
// old-identity-TIME, that only this user may open. With nothing to move no
// folder is made. Nothing leaves dir: root does this in a directory of the
// service's user, who may put a link in the place of the new folder.
func setAside(dir string, now time.Time) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("move the old identity aside: %w", err)
	}
	defer root.Close()
	aside := ""
	for _, name := range belongings() {
		if _, err := root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if aside == "" {
			aside = "old-identity-" + now.UTC().Format("20060102T150405.000Z")
			if err := root.Mkdir(aside, 0o700); err != nil {
				return fmt.Errorf("make a folder for the old identity: %w", err)
			}
		}
		if err := root.Rename(name, filepath.Join(aside, name)); err != nil {
			return fmt.Errorf("move the old identity aside: %w", err)
		}
	}
	return nil
}
