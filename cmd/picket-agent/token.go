package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"

	"picket/internal/identity"
)

// maxTokenText bounds what is read as a token; a longer one is none.
const maxTokenText = 8 << 10

// tokenSource is where the join token comes from: an argument, a file, standard
// input, or the environment, in this order.
type tokenSource struct {
	args []string // the token, or "-" for standard input
	file string   // --token-file
	pack string   // --bundle: a file of picket token create --offline
}

// read returns the token and what people should know about the way it came.
func (s tokenSource) read(stdin io.Reader) (token identity.Token, note string, err error) {
	text := os.Getenv("PICKET_TOKEN")
	switch {
	case len(s.args) == 1 && s.file+s.pack != "", s.file != "" && s.pack != "":
		return token, "", &failure{exitUsage, "two tokens: give an argument, --token-file or --bundle", nil, ""}
	case s.pack != "":
		token, err = tokenOfBundle(s.pack)
		return token, "", err
	case len(s.args) == 1 && s.args[0] == "-":
		text, err = firstLine(stdin)
		if err != nil {
			return token, "", &failure{exitUsage, "cannot read the token from standard input", err, ""}
		}
	case len(s.args) == 1:
		text = s.args[0]
		note = "a token on the command line can be read by every user of this machine while this runs; PICKET_TOKEN, --token-file or - (standard input) avoid that"
	case s.file != "":
		if text, note, err = fromFile(s.file); err != nil {
			return token, "", &failure{exitUsage, "cannot read the token file", err, "name a file that holds the line starting with pk1_"}
		}
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return token, "", &failure{exitUsage, "no join token given", nil,
			"make one on the Picket server: picket token create --client CLIENT --site SITE"}
	}
	token, err = identity.ParseToken(text)
	switch {
	case errors.Is(err, identity.ErrTokenCut):
		return token, "", &failure{exitUsage, "E101 the join token is damaged: it looks cut off or mistyped", err, "copy it again, the whole line starting with pk1_"}
	case err != nil:
		return token, "", &failure{exitUsage, "E101 this is no join token", err, "copy the line starting with pk1_ that picket token create printed"}
	}
	return token, note, nil
}

func fromFile(path string) (text, note string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0 {
		note = fmt.Sprintf("the token file %s can be read by other users: chmod 600 it, or remove it once the token is used", path)
	}
	text, err = firstLine(f)
	return text, note, err
}

// firstLine is the first line of r that is not empty.
func firstLine(r io.Reader) (string, error) {
	in := bufio.NewScanner(io.LimitReader(r, maxTokenText))
	for in.Scan() {
		// PowerShell puts a byte order mark before what it writes.
		if line := strings.TrimSpace(strings.TrimPrefix(in.Text(), "\ufeff")); line != "" {
			return line, nil
		}
	}
	return "", in.Err()
}

// resolved is addrs with ips in place of the names in them: for where DNS does not
// know the collector. Each address of the token is tried at each ip.
func resolved(addrs, ips []string) ([]string, error) {
	if len(ips) == 0 {
		return addrs, nil
	}
	var out []string
	for _, hp := range addrs {
		host, port, err := net.SplitHostPort(hp)
		if err != nil {
			return nil, fmt.Errorf("address %q of the token: %w", hp, err)
		}
		if _, err := netip.ParseAddr(host); err == nil {
			out = append(out, hp)
			continue
		}
		for _, ip := range ips {
			a, err := netip.ParseAddr(ip)
			if err != nil {
				return nil, &failure{exitUsage, fmt.Sprintf("--resolve %q is no address", ip), nil, "write it as 203.0.113.10 or 2001:db8::10"}
			}
			out = append(out, net.JoinHostPort(a.Unmap().String(), port))
		}
	}
	return out, nil
}
