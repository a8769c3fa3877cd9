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
	"strconv"

	"picket/collector/config"
)

func pageURL(s Sockets) string {
	if s.Page == nil {
		return ""
	}
	return "http://" + s.Page.Addr().String()
}

// Sockets are the doors of a collector.
type Sockets struct {
	Agents net.PacketConn // UDP
	Page   net.Listener   // the page and the API; nil for none
	Admin  net.Listener   // the operator's socket in the data directory
}

// AdminSocket is the name of the operator's socket inside the data directory.
const AdminSocket = "picket.sock"

// Listen opens the sockets that the file names and the operator's one in dir,
// which only the collector's user may open.
func Listen(file *config.File, dir string) (s Sockets, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fmt.Errorf("make the data directory: %w", err)
	}
	if s.Agents, err = net.ListenPacket("udp", file.Listen); err != nil {
		return s, fmt.Errorf("open the agents' socket (listen: %s): %w", file.Listen, err)
	}
	if s.Page, err = net.Listen("tcp", file.HTTP); err != nil {
		return s, fmt.Errorf("open the page's socket (http: %s): %w", file.HTTP, err)
	}
	path := filepath.Join(dir, AdminSocket)
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return s, fmt.Errorf("a collector is running on %s already", dir)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("remove the old operator socket: %w", err)
	}
	if s.Admin, err = net.Listen("unix", path); err != nil {
		return s, fmt.Errorf("open the operator socket %s (paths longer than about 100 bytes cannot be sockets): %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return s, fmt.Errorf("protect the operator socket: %w", err)
	}
	return s, nil
}

// Close closes what is open.
func (s Sockets) Close() error {
	var errs []error
	if s.Agents != nil {
		errs = append(errs, s.Agents.Close())
	}
	for _, l := range []net.Listener{s.Page, s.Admin} {
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
	if len(c.o.File.Public) > 0 {
		return c.o.File.Public
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
