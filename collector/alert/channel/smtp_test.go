package channel

import (
	"errors"
	"net"
	"testing"
)

// TestAPasswordGoesInTheClearToThisMachineOnly judges by the address that was
// connected to: a name may say one thing and resolve to another.
func TestAPasswordGoesInTheClearToThisMachineOnly(t *testing.T) {
	asked := false
	c := &SMTP{Host: "localhost", Security: Plain, Username: "picket", Password: func() ([]byte, error) {
		asked = true
		return nil, errors.New("enough")
	}}
	for _, remote := range []net.Addr{&net.TCPAddr{IP: net.ParseIP("192.0.2.25"), Port: 25}, &net.TCPAddr{IP: net.ParseIP("2001:db8::25"), Port: 25}, &net.UnixAddr{}} {
		if err := c.login(nil, remote); !errors.Is(err, ErrPlainText) || asked {
			t.Errorf("%v: %v, password read: %v", remote, err, asked)
		}
	}
	for _, remote := range []net.Addr{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv6loopback}} {
		if asked = false; errors.Is(c.login(nil, remote), ErrPlainText) || !asked {
			t.Errorf("%v is this machine", remote)
		}
	}
}

func TestPortsAndNamesHaveDefaults(t *testing.T) {
	for _, c := range []struct {
		server SMTP
		want   string
	}{
		{SMTP{Host: "mail.msp.example"}, "mail.msp.example:587"},
		{SMTP{Host: "mail.msp.example", Security: TLS}, "mail.msp.example:465"},
		{SMTP{Host: "2001:db8::25", Port: 25}, "[2001:db8::25]:25"},
	} {
		if got := c.server.address(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for _, hello := range []string{"two words", "x\r\nRSET", "ü.example"} {
		if got := (&SMTP{Hello: hello}).hello(); got != "localhost" {
			t.Errorf("%q: says %q", hello, got)
		}
	}
}
