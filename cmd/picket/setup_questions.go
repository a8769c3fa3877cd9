package main

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"picket/collector/access"
	"picket/collector/config"
)

// question is one thing that setup wants to know.
type question struct {
	flag  string
	usage string // of the flag
	why   string // said before the question, "" for nothing
	text  string // the question
	quiet bool   // only a flag: the default is right for nearly everybody
	// secret: the flag names a file, a person is asked without echo.
	secret bool
	twice  bool                // a secret that is asked for twice: nobody sees a typing error
	when   func(*setup) bool   // nil: always
	needs  string              // why not, if when says no
	normal func(*setup) string // the default; nil: empty
	check  func(s *setup, v string) (string, error)
}

// questions are asked in this order; later ones may look at earlier answers.
func questions() []question {
	return slices.Concat(placeQuestions(), pageQuestions(), mailQuestions(), influxQuestions(), siteQuestions())
}

func placeQuestions() []question {
	return []question{
		{flag: "data", usage: "data `directory` (default: " + defaultData() + ")", quiet: true,
			normal: func(*setup) string { return defaultData() }, check: wholePath},
		{flag: "config", usage: "configuration `file` to write (default: /etc/picket/picket.yaml for root, else picket.yaml in the data directory)", quiet: true,
			normal: func(s *setup) string {
				if os.Geteuid() == 0 && !s.given["data"] {
					return "/etc/picket/picket.yaml"
				}
				return filepath.Join(s.answer["data"], "picket.yaml")
			}, check: wholePath},
		{flag: "listen", usage: "`address` on which agents connect (default: 0.0.0.0:4443)", quiet: true,
			normal: func(*setup) string { return config.DefaultListen }, check: hostPort},
		{flag: "public", usage: "`names` or addresses under which agents reach this server, in the order to try (default: this machine's)",
			why:  "Agents at your sites dial this server. Name what they can reach from outside, best a DNS name.",
			text: "Public name or address", normal: func(*setup) string { return machineName() }, check: publicList},
	}
}

func pageQuestions() []question {
	open := func(s *setup) bool { return !config.Loopback(s.answer["http"]) }
	way := func(w string) func(*setup) bool { return func(s *setup) bool { return s.answer["tls"] == w } }
	return []question{
		{flag: "http", usage: "`address` of the page (default: 127.0.0.1:8443)",
			why:  "The page. 127.0.0.1 shows it on this machine only; 0.0.0.0:8443 shows it to others, with TLS and a log-in.",
			text: "Address of the page", normal: func(*setup) string { return config.DefaultHTTP }, check: hostPort},
		{flag: "tls", usage: "where the page's certificate comes from: own-ca, acme, files, or proxy (a proxy in front has it)",
			text: "Certificate: own-ca, acme, files or proxy", when: open, needs: "the page is on loopback, which needs no TLS",
			normal: func(*setup) string { return "own-ca" }, check: oneOf("own-ca", "acme", "files", "proxy")},
		{flag: "tls-cert", usage: "certificate `file` (PEM, with its chain)", text: "Certificate file", when: way("files"), needs: "it is for --tls files", check: readable},
		{flag: "tls-key", usage: "key `file` of the certificate (PEM)", text: "Key file", when: way("files"), needs: "it is for --tls files", check: readable},
		{flag: "trusted-proxy", usage: "`addresses` from which the proxy in front asks, such as 192.0.2.5", text: "Address of the proxy",
			when: way("proxy"), needs: "it is for --tls proxy", check: proxyList},
		{flag: "acme-email", usage: "mail `address` for the certificate authority (optional)", text: "Mail address for the authority", when: way("acme"), needs: "it is for --tls acme", check: mayBeEmpty(mailAddress)},
		{flag: "name", usage: "`names` under which people open the page (default: the public ones)", text: "Names of the page",
			when: open, needs: "the page is on loopback", normal: publicHosts, check: hostList},
		{flag: "admin", usage: "`name` of the first user, \"none\" for none (default: admin)", why: "The first user may do everything.",
			text: "Name of the first user", normal: func(*setup) string { return "admin" }, check: adminName},
		{flag: "admin-password-file", usage: "`file` with the first user's password, - for standard input (default: one is made and shown once)",
			text: fmt.Sprintf("Password (at least %d characters; empty: one is made)", access.MinPassword), secret: true, twice: true,
			when: func(s *setup) bool { return s.answer["admin"] != "" }, needs: "there is no first user", check: adminPassword},
	}
}

func mailQuestions() []question {
	mail := func(s *setup) bool { return s.answer["smtp-host"] != "" }
	user := func(s *setup) bool { return s.answer["smtp-username"] != "" }
	const none = "there is no --smtp-host"
	return []question{
		{flag: "smtp-host", usage: "`host` of the mail server; empty for no mail", why: "Alerts by mail. Leave it empty to go without.", text: "Mail server", check: mayBeEmpty(inFile("smtp: {host: %s}", "smtp.host"))},
		{flag: "smtp-security", usage: "starttls, tls or none (default: starttls)", text: "Security: starttls, tls or none", when: mail, needs: none,
			normal: func(*setup) string { return "starttls" }, check: oneOf("starttls", "tls", "none")},
		{flag: "smtp-port", usage: "`port` of the mail server (default: 587, 465 or 25, by security)", text: "Port", when: mail, needs: none,
			normal: func(s *setup) string {
				return map[string]string{"starttls": "587", "tls": "465", "none": "25"}[s.answer["smtp-security"]]
			}, check: inFile("smtp: {port: %s}", "smtp.port")},
		{flag: "smtp-from", usage: "`address` that mails come from", text: "From", when: mail, needs: none,
			normal: func(s *setup) string { return "picket@" + s.mailDomain() }, check: inFile("smtp: {from: %s}", "smtp.from")},
		{flag: "smtp-username", usage: "`name` to log in with; empty for none", text: "User name at the mail server", when: mail, needs: none},
		{flag: "smtp-password-file", usage: "`file` with the mail password, - for standard input", text: "Password", secret: true, when: user, needs: "there is no --smtp-username", check: needed("a password")},
		{flag: "mail", usage: "`addresses` to write to, comma between", text: "Write to (addresses, comma between)", when: mail, needs: none, check: addresses},
	}
}

func influxQuestions() []question {
	db := func(s *setup) bool { return s.answer["influx-url"] != "" }
	const none = "there is no --influx-url"
	return []question{
		{flag: "influx-url", usage: "`URL` of InfluxDB for Grafana; empty for none", why: "InfluxDB keeps results for Grafana. Leave it empty to go without.", text: "URL of InfluxDB", check: mayBeEmpty(inFile("influx: {url: %s}", "influx.url"))},
		{flag: "influx-org", usage: "`organisation` in InfluxDB 2; empty for 1.8", text: "Organisation (none: InfluxDB 1.8)", when: db, needs: none},
		{flag: "influx-bucket", usage: "`bucket`, or database in 1.8 (default: picket)", text: "Bucket", when: db, needs: none, normal: func(*setup) string { return "picket" }, check: needed("a bucket")},
		{flag: "influx-token-file", usage: "`file` with the token, - for standard input; none for a server without authentication", text: "Token (empty: none)", secret: true, when: db, needs: none},
	}
}

func siteQuestions() []question {
	return []question{
		{flag: "client", usage: "`name` of the first site's client (default: home)", why: "The first site: where the first agent will stand.",
			text: "Client", normal: func(*setup) string { return "home" }, check: siteName},
		{flag: "site", usage: "`name` of the first site (default: office)", text: "Site", normal: func(*setup) string { return "office" }, check: siteName},
		{flag: "region", usage: "vantage `region` of the site, such as eu-west (optional)", text: "Region, such as eu-west"},
		{flag: "network", usage: "`name` of the site's internet provider (optional)", text: "Internet provider, such as AS64500 Example Fibre"},
		{flag: "network-prefix", usage: "`prefix` of its public addresses, such as 198.51.100.0/24 (optional)", text: "Its public addresses, such as 198.51.100.0/24",
			when: func(s *setup) bool { return s.answer["network"] != "" }, needs: "there is no --network", check: mayBeEmpty(prefix)},
	}
}

// machineName is a first guess of how others reach this machine: its full name,
// an address of it that others can see, or its short name.
func machineName() string {
	host, err := os.Hostname()
	if err == nil && strings.Contains(host, ".") {
		return host
	}
	addrs, _ := net.InterfaceAddrs() // none is fine: the name is left
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
			return p.Addr().String()
		}
	}
	return cmp.Or(host, "localhost")
}

// mailDomain is a first guess of the domain that mails come from: that of the
// mail server, or of this server's public name.
func (s *setup) mailDomain() string {
	host := s.answer["smtp-host"]
	for _, public := range parts(s.answer["public"]) {
		if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
			host, _, _ = net.SplitHostPort(public)
		}
	}
	for _, first := range []string{"mail.", "smtp."} {
		host = strings.TrimPrefix(host, first)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return "[" + ip.String() + "]"
	}
	return host
}

// proxyList makes prefixes of addresses.
func proxyList(s *setup, v string) (string, error) {
	all := parts(v)
	for i, p := range all {
		if a, err := netip.ParseAddr(p); err == nil {
			p = netip.PrefixFrom(a, a.BitLen()).String()
		}
		var err error
		if all[i], err = prefix(s, p); err != nil {
			return "", err
		}
	}
	if len(all) == 0 {
		return "", fmt.Errorf("the page must know which machine is the proxy: write its address; if it is this machine, let the page listen on 127.0.0.1")
	}
	return strings.Join(all, ","), nil
}
