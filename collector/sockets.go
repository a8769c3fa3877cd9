package collector

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"picket/collector/config"
	"picket/internal/identity"
)

// pageURL is the page's address for people and alerts; "" without a page.
func pageURL(s Sockets) string {
	switch {
	case s.Page == nil:
		return ""
	case s.URL != "":
		return s.URL
	}
	return "http://" + s.Page.Addr().String()
}

// publicURL is the address under which people open the page that listens on local.
func publicURL(file *config.File, local net.Addr) string {
	host, port, err := net.SplitHostPort(local.String())
	if err != nil {
		return ""
	}
	scheme := "http"
	if file.TLS != nil || file.BehindProxy {
		scheme = "https"
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case len(file.Names) > 0:
		host = file.Names[0]
	case err == nil && ip.IsUnspecified():
		if host, err = os.Hostname(); err != nil {
			host = "localhost"
		}
	}
	if file.BehindProxy && len(file.Names) > 0 || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host // the proxy's own port is the usual one
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Sockets are the doors of a collector.
type Sockets struct {
	Agents    net.PacketConn // UDP
	AgentsTCP net.Listener   // the same port number over TCP; nil for none
	Page      net.Listener   // the page and the API, plain; nil for none
	Admin     net.Listener   // the operator's socket in the data directory
	URL       string         // of the page for people; "" means http and Page's address
}

// AdminSocket is the name of the operator's socket inside the data directory.
const AdminSocket = "picket.sock"

// maxSocketPath is how long the path of a socket may be on every system that we
// run on: macOS and the BSDs have 104 bytes for it, Linux has 108, one is a zero.
const maxSocketPath = 103

// Why sockets cannot be opened, beside an [*AddressError].
var (
	// ErrDataDir: the data directory cannot be made or used, or is open to others.
	ErrDataDir = errors.New("the data directory cannot be used")
	// ErrRunning: a collector answers on the data directory's socket.
	ErrRunning = errors.New("a collector runs on this data directory already")
	// ErrSocketPath: the data directory's path is too long for a socket in it.
	ErrSocketPath = errors.New("the path of the data directory is too long for a socket in it")
)

// AddressError says that an address of the configuration cannot be listened on.
type AddressError struct {
	Key  string // of the configuration: listen or http
	Addr string // its value
	Err  error
}

func (e *AddressError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Key, e.Addr, e.Err) }
func (e *AddressError) Unwrap() error { return e.Err }

// Listen opens the sockets that the file names and the operator's one in dir,
// which only the collector's user may open. The directory and a collector that
// runs on it are looked at first, since they explain why an address is in use.
// When it fails, what it made is gone again.
func Listen(file *config.File, dir string) (s Sockets, err error) {
	path := filepath.Join(dir, AdminSocket)
	if len(path) > maxSocketPath {
		return s, fmt.Errorf("%w: %s has %d bytes, and a socket may have %d", ErrSocketPath, path, len(path), maxSocketPath)
	}
	undo, err := prepareDir(dir)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = Sockets{}
			undo()
		}
	}()
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		conn.Close()
		return s, fmt.Errorf("%w: %s", ErrRunning, dir)
	case errors.Is(err, fs.ErrPermission):
		return s, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	if err := s.listenAgents(file); err != nil {
		return s, err
	}
	if s.Page, err = net.Listen("tcp", file.HTTP); err != nil {
		return s, &AddressError{"http", file.HTTP, err}
	}
	s.URL = publicURL(file, s.Page.Addr())
	if s.Admin, err = listenAdmin(dir, path); err != nil {
		return s, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	return s, nil
}

// listenAgents opens the agents' sockets: UDP, and TCP on the same port number for
// sites where UDP is blocked. A free port is sought until both can have it.
func (s *Sockets) listenAgents(file *config.File) (err error) {
	for tries := 0; ; tries++ {
		if s.Agents, err = net.ListenPacket("udp", file.Listen); err != nil {
			return &AddressError{"listen", file.Listen, err}
		}
		if !file.ListenTCP {
			return nil
		}
		local := s.Agents.LocalAddr().(*net.UDPAddr)
		host, port, err := net.SplitHostPort(file.Listen)
		if err != nil {
			return &AddressError{"listen", file.Listen, err}
		}
		addr := net.JoinHostPort(host, strconv.Itoa(local.Port))
		if s.AgentsTCP, err = net.Listen("tcp", addr); err == nil {
			return nil
		}
		s.AgentsTCP = nil // not a typed nil
		if port != "0" || tries >= 10 {
			return &AddressError{"listen", addr + " (TCP)", fmt.Errorf("%w; without TCP (listen_tcp: false) agents behind firewalls that block UDP stay away", err)}
		}
		s.Agents.Close()
	}
}

// prepareDir makes dir fit to keep keys. undo removes the directories that were
// made, as long as they are empty.
func prepareDir(dir string) (undo func(), err error) {
	var made []string // the deepest first
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		made = append(made, d)
	}
	undo = func() {
		for _, d := range made {
			if os.Remove(d) != nil {
				return
			}
		}
	}
	return undo, identity.PrepareDir(dir)
}

// listenAdmin opens the operator's socket. It is bound inside a folder that only
// our user may enter and gets its name when its mode is right, so that nobody
// else can open it at any moment.
func listenAdmin(dir, path string) (net.Listener, error) {
	nest := filepath.Join(dir, ".sock") // with its /s no longer than the final path
	if err := errors.Join(os.RemoveAll(nest), os.Mkdir(nest, 0o700)); err != nil {
		return nil, fmt.Errorf("make a folder for the operator socket: %w", err)
	}
	defer os.RemoveAll(nest)
	if info, err := os.Lstat(nest); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, errors.Join(fmt.Errorf("%s is open to others", nest), err)
	}
	bound := filepath.Join(nest, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: bound, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the operator socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // it would remove the name it was bound with
	if err = os.Chmod(bound, 0o600); err == nil {
		err = os.Rename(bound, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("place the operator socket: %w", err), l.Close())
	}
	return &namedSocket{Listener: l, path: path}, nil
}

// namedSocket removes its name when it is closed.
type namedSocket struct {
	net.Listener
	path string
	once sync.Once
}

func (s *namedSocket) Close() error {
	s.once.Do(func() { os.Remove(s.path) }) // best effort: the next start replaces it
	return s.Listener.Close()
}

// Close closes what is open.
func (s Sockets) Close() error {
	var errs []error
	if s.Agents != nil {
		errs = append(errs, s.Agents.Close())
	}
	for _, l := range []net.Listener{s.AgentsTCP, s.Page, s.Admin} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// publicAddrs is what join tokens tell agents to dial: what the configuration
// says, else the socket's own address, else, on a socket for all addresses, the
// machine's name.
func (c *Collector) publicAddrs() []string {
	if public := c.file().Public; len(public) > 0 {
		return public
	}
	local := c.o.Sockets.Agents.LocalAddr().String()
	ap, err := netip.ParseAddrPort(local)
	if err != nil || !ap.Addr().IsUnspecified() {
		return []string{local}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return []string{net.JoinHostPort(host, strconv.Itoa(int(ap.Port())))}
}

// secretKey reads a 32-byte key, made on the first start.
func secretKey(path string) (*[32]byte, error) {
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		src = make([]byte, 32)
		rand.Read(src) // never fails
		err = os.WriteFile(path, src, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	if len(src) != 32 {
		return nil, fmt.Errorf("%s is damaged (%d bytes instead of 32): delete it, a new one is made", path, len(src))
	}
	return (*[32]byte)(src), nil
}
