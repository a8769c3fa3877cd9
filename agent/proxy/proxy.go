// Package proxy decides by which HTTP proxy, if any, an agent reaches its
// collector over TCP. QUIC goes past proxies, and probes never use one: they
// measure the line as it is.
//
// # Who is asked, in this order
//
//	--proxy of join and run    what join was given stays with the state of the agent
//	PICKET_PROXY               the same for who starts agents from an environment
//	HTTPS_PROXY and NO_PROXY   as everywhere, in capitals or not
//	Windows                    WinHTTP's setting, then that of the user who runs the agent
//
// The first that has an answer decides; "none" is an answer, too. The machine's
// settings are looked at anew for each connection, so that a change needs no
// restart. Automatic configuration (PAC, WPAD) is not run: it is a program from
// the network. Name the proxy instead.
//
// # Passwords
//
// A password given to join lies in a file of its own in the state directory,
// proxy.secret, that only the agent's user may read; beside it, in the file proxy,
// is the rest. It never stands in the arguments of the service, and appears in no
// error: what cannot be parsed is not repeated.
package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// The files in a state directory.
const (
	nameFile   = "proxy"
	secretFile = "proxy.secret"
)

// None is the answer that there is no proxy, whatever the machine is set to.
const None = "none"

// maxText bounds what is read from a file.
const maxText = 4 << 10

// ErrProxy wraps everything that is wrong about a proxy's address.
var ErrProxy = errors.New("no usable proxy address")

// Settings are what one agent was told and may look at. The zero Settings knows
// the machine's settings alone.
type Settings struct {
	// Explicit is the proxy that was named, "" if none was, or [None].
	Explicit string
	// password belongs to Explicit if that has a user without one.
	password string
	// env stands for the environment; nil is the process's.
	env func(string) string
}

// Choice is a proxy and who named it.
type Choice struct {
	URL  *url.URL // nil: go directly
	From string   // "--proxy", "PICKET_PROXY", "HTTPS_PROXY", "Windows"; "" if nobody did
}

// Open reads what join stored in dir. A flag that is not "" takes its place.
func Open(dir, flag string) (Settings, error) {
	s := Settings{Explicit: flag}
	if flag == "" {
		text, err := read(filepath.Join(dir, nameFile))
		if err != nil {
			return s, err
		}
		s.Explicit = text
	}
	secret, err := read(filepath.Join(dir, secretFile))
	if err != nil {
		return s, err
	}
	s.password = secret
	if _, err := Parse(s.Explicit); s.Explicit != "" && err != nil {
		return s, err
	}
	return s, nil
}

// read is the one line of a file, "" if it is not there. What others may read is
// refused, and so is a link: root runs join and doctor in a directory that is
// the service's, and what it reads here goes to the proxy.
func read(path string) (string, error) {
	named, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && !named.Mode().IsRegular() {
		return "", fmt.Errorf("%s is a link, or no file at all: put the file itself there", path)
	}
	if err != nil {
		return "", fmt.Errorf("read the proxy's settings: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the proxy's settings: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read the proxy's settings: %w", err)
	}
	if !os.SameFile(named, info) {
		return "", fmt.Errorf("%s was replaced while it was opened: try again", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s is open to others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	b := make([]byte, maxText)
	n, err := f.Read(b)
	if n == 0 && info.Size() > 0 {
		return "", fmt.Errorf("read the proxy's settings: %w", err)
	}
	return strings.TrimSpace(string(b[:n])), nil
}

// Store keeps text (see [Parse]) in dir for the runs to come, the password apart.
// A password that is stored already stays if text has a user and no password. ""
// changes nothing.
func Store(dir, text string) error {
	if text == "" {
		return nil
	}
	u, err := Parse(text)
	if err != nil {
		return err
	}
	name := None
	if u != nil {
		pass, given := u.User.Password()
		switch {
		case given:
			err = write(filepath.Join(dir, secretFile), pass)
			u.User = url.User(u.User.Username())
		case u.User == nil:
			err = remove(filepath.Join(dir, secretFile))
		}
		name = u.String()
	} else {
		err = remove(filepath.Join(dir, secretFile))
	}
	if err != nil {
		return fmt.Errorf("store the proxy: %w", err)
	}
	if err := write(filepath.Join(dir, nameFile), name); err != nil {
		return fmt.Errorf("store the proxy: %w", err)
	}
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// write replaces a file as a whole; only this user may read it.
func write(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".proxy-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Parse reads the address of a proxy: host:port or http://[user[:password]@]host:port.
// [None] and "" are nil. Errors ([ErrProxy]) do not repeat what was given, since it
// may hold a password.
func Parse(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.EqualFold(text, None) {
		return nil, nil
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it cannot be read; write http://host:port, and escape special characters of a password", ErrProxy)
	case u.Scheme != "http":
		return nil, fmt.Errorf("%w: it is of kind %q, and only http:// proxies are supported", ErrProxy, u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%w: it has no host", ErrProxy)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%w: it has more than host and port; write http://host:port", ErrProxy)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%w: its port is no number from 1 to 65535", ErrProxy)
		}
	} else {
		u.Host = net.JoinHostPort(u.Hostname(), "80")
	}
	return &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}, nil
}

// For is the proxy for a collector at hostport; nil: none.
func (s Settings) For(hostport string) (*url.URL, error) {
	c, err := s.Choose(hostport)
	return c.URL, err
}

// Choose is the proxy for a collector at hostport and who named it.
func (s Settings) Choose(hostport string) (Choice, error) {
	env := s.env
	if env == nil {
		env = os.Getenv
	}
	for _, told := range []Choice{{From: "--proxy"}, {From: "PICKET_PROXY"}} {
		text := s.Explicit
		if told.From != "--proxy" {
			text = env(told.From)
		}
		if text == "" {
			continue
		}
		u, err := Parse(text)
		if err != nil {
			return told, fmt.Errorf("%s: %w", told.From, err)
		}
		told.URL = s.withPassword(u)
		return told, nil
	}
	if u, err := s.fromEnvironment(env, hostport); u != nil || err != nil {
		return Choice{u, "HTTPS_PROXY"}, err
	}
	if u, err := system(hostport); u != nil || err != nil {
		return Choice{s.withPassword(u), "Windows"}, err
	}
	return Choice{}, nil
}

// withPassword adds the stored password to a user that has none.
func (s Settings) withPassword(u *url.URL) *url.URL {
	if u == nil || u.User == nil || s.password == "" {
		return u
	}
	if _, has := u.User.Password(); !has {
		u.User = url.UserPassword(u.User.Username(), s.password)
	}
	return u
}

func (s Settings) fromEnvironment(env func(string) string, hostport string) (*url.URL, error) {
	get := func(name string) string { return cmp.Or(env(name), env(strings.ToLower(name))) }
	text := get("HTTPS_PROXY")
	if text == "" {
		return nil, nil
	}
	u, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("HTTPS_PROXY: %w", err)
	}
	if excepted(get("NO_PROXY"), hostport) {
		return nil, nil
	}
	return u, nil
}
