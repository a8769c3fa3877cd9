package agent

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// wsaeAFNoSupport is what Windows before 10 1803 (Server 2016) says of a Unix
// socket, <winsock2.h>; elsewhere no error has that number.
const wsaeAFNoSupport = syscall.Errno(10047)

// noSockets says whether err is of a system without Unix sockets. An agent works
// there all the same; only its status cannot be asked.
func noSockets(err error) bool { return errors.Is(err, wsaeAFNoSupport) }

// silent is a listener to whom nobody comes.
func silent() net.Listener { return &nobody{closed: make(chan struct{})} }

type nobody struct {
	once   sync.Once
	closed chan struct{} // by Close
}

func (n *nobody) Accept() (net.Conn, error) { <-n.closed; return nil, net.ErrClosed }
func (n *nobody) Close() error              { n.once.Do(func() { close(n.closed) }); return nil }
func (n *nobody) Addr() net.Addr            { return &net.UnixAddr{Net: "unix"} }
