package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"picket/collector/access"
	"picket/collector/config"
)

// The checks of answers. They take what was typed and return it as it will be
// written down, or why not; what is wrong is said at its question and not at the
// end, when all other answers would be lost with it.

func wholePath(_ *setup, v string) (string, error) {
	if v == "" {
		return "", errors.New("a path is needed")
	}
	return filepath.Abs(v)
}

// readable is wholePath of a file that is there.
func readable(s *setup, v string) (string, error) {
	path, err := wholePath(s, v)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	return path, f.Close()
}

// inFile is the check of a value for which the parser of fleet files is asked,
// early enough to ask the person again: text is a fleet file with %s for the
// value, path what its problems begin with. What else is wrong with so short a
// file does not count.
func inFile(text, path string) func(*setup, string) (string, error) {
	return func(_ *setup, v string) (string, error) {
		_, err := config.Parse("", fmt.Appendf(nil, text+"\n", strconv.Quote(v)))
		problems, _ := errors.AsType[config.Problems](err)
		for _, p := range problems {
			if why, ok := strings.CutPrefix(p.Text, path); ok {
				why = strings.TrimPrefix(strings.TrimPrefix(why, " "+strconv.Quote(v)), ": ")
				return "", errors.New(why)
			}
		}
		return v, nil
	}
}

func hostPort(s *setup, v string) (string, error) { return inFile("listen: %s", "listen")(s, v) }

func mailAddress(s *setup, v string) (string, error) {
	return inFile("alerts: [{name: mail, mail: [%s]}]", "alerts[0].mail[0]")(s, v)
}

func parts(v string) (all []string) {
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// publicList adds the port of --listen where there is none.
func publicList(s *setup, v string) (string, error) {
	_, port, _ := net.SplitHostPort(s.answer["listen"])
	all := parts(v)
	for i, host := range all {
		if _, _, err := net.SplitHostPort(host); err != nil {
			all[i] = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
	}
	if len(all) == 0 {
		return "", errors.New("agents need a name or an address to dial")
	}
	if err := each(s, all, inFile("public: [%s]", "public[0]")); err != nil {
		return "", err
	}
	return strings.Join(all, ","), nil
}

func publicHosts(s *setup) string {
	var hosts []string
	for _, a := range parts(s.answer["public"]) {
		host, _, _ := net.SplitHostPort(a)
		if _, err := netip.ParseAddr(host); s.answer["tls"] == "acme" && err == nil {
			continue // no public authority certifies an address
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ",")
}

// each names the first of all that check refuses.
func each(s *setup, all []string, check func(*setup, string) (string, error)) error {
	for _, v := range all {
		if _, err := check(s, v); err != nil {
			return fmt.Errorf("%q: %w", v, err)
		}
	}
	return nil
}

func hostList(s *setup, v string) (string, error) {
	all := parts(v)
	if len(all) == 0 {
		return "", errors.New("at least one name is needed")
	}
	return v, each(s, all, inFile("names: [%s]", "names[0]"))
}

// siteName is the name of a client or a site. The database has the last word.
func siteName(_ *setup, v string) (string, error) {
	switch {
	case v == "":
		return "", errors.New("a name is needed")
	case len(v) > 128:
		return "", errors.New("the name is longer than 128 bytes")
	case strings.ContainsFunc(v, func(r rune) bool { return r == '/' || unicode.IsControl(r) || r == utf8.RuneError }):
		return "", errors.New("a name may not have a slash or control characters")
	}
	return v, nil
}

func oneOf(words ...string) func(*setup, string) (string, error) {
	return func(_ *setup, v string) (string, error) {
		if !slices.Contains(words, v) {
			return "", fmt.Errorf("write one of %s", strings.Join(words, ", "))
		}
		return v, nil
	}
}

func needed(what string) func(*setup, string) (string, error) {
	return func(_ *setup, v string) (string, error) {
		if v == "" {
			return "", errors.New(what + " is needed")
		}
		return v, nil
	}
}

func mayBeEmpty(check func(*setup, string) (string, error)) func(*setup, string) (string, error) {
	return func(s *setup, v string) (string, error) {
		if v == "" {
			return "", nil
		}
		return check(s, v)
	}
}

func addresses(s *setup, v string) (string, error) {
	all := parts(v)
	if len(all) == 0 {
		return "", errors.New("at least one address is needed")
	}
	return v, each(s, all, mailAddress)
}

func prefix(_ *setup, v string) (string, error) {
	p, err := netip.ParsePrefix(v)
	if err != nil {
		return "", errors.New("write address/bits, such as 198.51.100.0/24")
	}
	return p.Masked().String(), nil
}

// adminName is the name as log-ins know it.
func adminName(s *setup, v string) (string, error) {
	name, err := access.UserName(v)
	if err != nil {
		return "", err
	}
	if name != "none" {
		if name != v {
			fmt.Fprintf(s.out, "note: the first user is called %s: user names have small letters only, log-ins take both.\n", name)
		}
		return name, nil
	}
	if !config.Loopback(s.answer["http"]) {
		return "", errors.New("a page that others can reach needs a user")
	}
	return "", nil
}

// adminPassword makes a password if none was given.
func adminPassword(s *setup, v string) (string, error) {
	if v == "" && !s.given["admin-password-file"] {
		v, s.made = strings.ToLower(rand.Text()), true // 130 bits
		s.hidden["admin-password"] = v
	}
	return v, access.CheckPassword(v)
}
