package doctor

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/probes"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// well is the evidence of a site where nothing is wrong.
func well() Evidence {
	addr := netip.MustParseAddrPort("203.0.113.10:4443")
	saw := uplink.Knocked{RTT: 29 * time.Millisecond, Offset: 40 * time.Millisecond, Timed: true, SeenFrom: netip.MustParseAddrPort("198.51.100.7:40000")}
	return Evidence{
		At: noon, Dir: "/var/lib/picket-agent", Version: "1.4.0", OS: "linux", Host: "acme-mad-srv01",
		Machine: Machine{Exe: "/usr/bin/picket-agent", Free: 18 << 30},
		Who:     Identity{Agent: "01J9", Client: "acme", Site: "acme/madrid", NotAfter: noon.Add(25 * 24 * time.Hour), RenewAt: noon.Add(15 * 24 * time.Hour)},
		Running: &Running{Version: "1.4.0", Started: noon.Add(-50 * time.Hour), Connected: true, Transport: "quic", Offset: 40 * time.Millisecond,
			Network: "AS64500 Example Fibre", Voting: true, Checks: 38, RSS: 14 << 20, CPU: 0.4},
		Names:   []Name{{Host: "picket.example.com", Addrs: []netip.Addr{addr.Addr()}, Took: 12 * time.Millisecond, Server: "192.168.1.1"}},
		Rewrite: Rewrite{Asked: true}, Addrs: []netip.AddrPort{addr},
		UDP: Knock{Tried: true, Saw: saw}, TCP: Knock{Tried: true, Saw: saw},
		Pages: []Page{{Host: "picket.example.com"}}, Path: Path{Asked: true, Long: true},
		Shown: []Shown{{Host: "login.cloud.example", Trusted: true, By: "CN=Public Root", Logged: true}, {Host: "www.mail.test", Trusted: true, By: "CN=Other Root", Logged: true}},
	}
}

// cut is well, with an agent that has lost its collector.
func cut() Evidence {
	e := well()
	e.Running.Connected, e.Running.Transport, e.Path = false, "", Path{}
	return e
}

func dropped() Knock {
	return Knock{Tried: true, Took: 9 * time.Second, Err: fmt.Errorf("203.0.113.10:4443: %w", context.DeadlineExceeded)}
}

func noSuch(host string) error {
	return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// scenes are what a technician may meet, each with a golden text.
func scenes() map[string]Evidence {
	all := map[string]Evidence{"well": well()}
	put := func(name string, e Evidence, f func(e *Evidence)) { f(&e); all[name] = e }
	put("udp-blocked", well(), func(e *Evidence) { e.UDP = dropped() })
	put("tcp-blocked", well(), func(e *Evidence) { e.TCP = dropped() })
	put("both-blocked", cut(), func(e *Evidence) { e.UDP, e.TCP = dropped(), dropped() })
	put("nobody-listens", cut(), func(e *Evidence) { e.UDP, e.TCP = dropped(), Knock{Tried: true, Err: syscall.ECONNREFUSED} })
	put("joining-blocked", cut(), func(e *Evidence) {
		e.Joining, e.Running, e.Who = true, nil, Identity{}
		e.UDP, e.TCP = dropped(), dropped()
	})
	put("dns-filter", cut(), func(e *Evidence) {
		n := Name{Host: "picket.example.com", Server: "192.168.1.1", Err: noSuch("picket.example.com"),
			ElsewhereServer: "1.1.1.1", Elsewhere: []netip.Addr{e.Addrs[0].Addr()}}
		e.Names, e.Addrs, e.Rewrite, e.UDP, e.TCP = []Name{n}, nil, Rewrite{}, Knock{}, Knock{}
	})
	put("dns-unknown", cut(), func(e *Evidence) {
		n := Name{Host: "picket.example.com", Server: "192.168.1.1", Err: noSuch("x"), ElsewhereServer: "9.9.9.9", ElsewhereErr: noSuch("x")}
		e.Names, e.Addrs, e.Rewrite, e.UDP, e.TCP = []Name{n}, nil, Rewrite{}, Knock{}, Knock{}
	})
	put("dns-refused", cut(), func(e *Evidence) {
		n := Name{Host: "picket.example.com", Server: "192.168.1.1", Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}
		e.Names, e.Addrs, e.Rewrite, e.UDP, e.TCP = []Name{n}, nil, Rewrite{}, Knock{}, Knock{}
	})
	put("dns-made-up", well(), func(e *Evidence) { e.Rewrite.Addr = netip.MustParseAddr("198.51.100.99") })
	put("intercepted", cut(), func(e *Evidence) {
		e.UDP, e.TCP = dropped(), Knock{Tried: true, Err: fmt.Errorf("dial: %w", &uplink.InterceptedError{Issuer: "FortiGate\nCA"})}
	})
	put("pin", cut(), func(e *Evidence) {
		err := fmt.Errorf("CRYPTO_ERROR 0x12a: %w", fmt.Errorf("%w: expected the root with pin afcc8bda..., found a certificate issued by %q", identity.ErrPin, "Box CA"))
		e.UDP, e.TCP = Knock{Tried: true, Err: err}, dropped()
	})
	put("proxy-407", cut(), func(e *Evidence) {
		e.UDP, e.TCP, e.Proxy = dropped(), Knock{Tried: true, Err: fmt.Errorf("proxy: %w", uplink.ErrProxyAuth)}, "10.0.0.5:3128"
	})
	put("proxy-refuses", well(), func(e *Evidence) {
		e.Proxy = "10.0.0.5:3128"
		e.TCP = Knock{Tried: true, Err: &uplink.UnreachableError{Addr: "picket.example.com:4443", TCP: errors.New("tcp picket.example.com:4443 by proxy 10.0.0.5:3128: the proxy refuses to connect to picket.example.com:4443: 403 Forbidden")}}
	})
	put("clock", well(), func(e *Evidence) { e.Running.Offset = 11*time.Minute + 20*time.Second })
	put("clock-a-little", well(), func(e *Evidence) { e.Running.Offset = -3 * time.Second })
	put("not-enrolled", well(), func(e *Evidence) {
		*e = Evidence{At: noon, Dir: e.Dir, Version: e.Version, Host: e.Host, Machine: e.Machine, Who: Identity{Err: identity.ErrNotEnrolled}, RunErr: ErrNotRunning}
	})
	put("waiting", well(), func(e *Evidence) {
		*e = Evidence{At: noon, Dir: e.Dir, Version: e.Version, Host: e.Host, Machine: e.Machine, Who: Identity{Err: identity.ErrNotEnrolled, Waits: true}, RunErr: ErrNotRunning}
	})
	put("proxy-alone", cut(), func(e *Evidence) {
		n := Name{Host: "picket.example.com", Server: "192.168.1.1", Err: noSuch("x")}
		e.Names, e.Addrs, e.Rewrite, e.UDP, e.Proxy = []Name{n}, nil, Rewrite{}, Knock{}, "10.0.0.5:3128"
		e.TCP = Knock{Tried: true, Err: uplink.ErrProxyAuth}
	})
	put("clone", cut(), func(e *Evidence) {
		e.Running.KeptOut, e.Running.KeptOutText, e.Running.KeptOutFix = "E111", "this identity is online from another machine", "join with --force-new-identity"
	})
	put("revoked", cut(), func(e *Evidence) { e.Who.Revoked = noon.Add(-time.Hour) })
	put("not-running", well(), func(e *Evidence) { e.Running, e.RunErr, e.Service = nil, ErrNotRunning, "installed and stopped" })
	put("windows-without-sockets", well(), func(e *Evidence) { e.Running, e.RunErr, e.Service, e.OS = nil, ErrNotRunning, "running", "windows" })
	put("other-user", well(), func(e *Evidence) { e.Running, e.RunErr = nil, ErrOtherUser })
	put("disk-full", well(), func(e *Evidence) { e.Machine.Full = syscall.ENOSPC; e.Machine.Free = 0 })
	put("no-ping", well(), func(e *Evidence) {
		e.Ping4 = &echoError{cause: probes.LocalPermission, text: "socket: operation not permitted"}
		e.NoV6 = true
	})
	put("quarantine", well(), func(e *Evidence) {
		e.Machine.ExeErr = os.ErrNotExist
		e.Machine.Exe = `C:\Program Files\Picket\picket-agent.exe`
	})
	put("loose-key", well(), func(e *Evidence) { e.Machine.Loose = []string{"agent.key (mode 0644)"} })
	put("tired", well(), func(e *Evidence) {
		e.Running.Version, e.Running.CPU, e.Running.Voting, e.Running.Why = "1.3.0", 40, false, "too few references answer"
		e.Running.Pending, e.Running.Oldest = 5000, noon.Add(-20*time.Minute)
		e.Who.RenewAt = noon.Add(-5 * 24 * time.Hour)
	})
	putWays(put)
	return all
}

// putWays adds scenes of networks that answer in the place of others or lose what
// is too long.
func putWays(put func(string, Evidence, func(*Evidence))) {
	portal := func(host string) Page { return Page{Host: host, Status: 302, Leads: "login.hotel.example.org"} }
	put("captive", cut(), func(e *Evidence) {
		e.UDP, e.TCP, e.Rewrite.Addr = dropped(), dropped(), netip.MustParseAddr("198.51.100.99")
		e.Pages = []Page{portal("picket.example.com"), portal("login.cloud.example")}
	})
	put("captive-511", cut(), func(e *Evidence) {
		e.UDP, e.TCP, e.Pages = dropped(), dropped(), []Page{{Host: "picket.example.com", Status: 511}}
	})
	put("captive-at-home", cut(), func(e *Evidence) {
		e.UDP, e.TCP = dropped(), Knock{Tried: true, Err: &uplink.InterceptedError{Issuer: "portal"}}
		e.Pages = []Page{{Host: "picket.example.com", Status: 302, Leads: "10.0.0.1", Home: true}}
	})
	put("captive-for-the-web", well(), func(e *Evidence) { e.Pages = []Page{portal("picket.example.com"), portal("login.cloud.example")} })
	put("captive-perhaps", cut(), func(e *Evidence) {
		e.UDP, e.TCP, e.Pages = dropped(), dropped(), []Page{portal("picket.example.com"), {Host: "login.cloud.example", Status: 301, Leads: "www.cloud.example"}}
	})
	put("mtu", well(), func(e *Evidence) { e.Path = Path{Asked: true, Short: true, Fits: 1400} })
	put("mtu-too-short-for-quic", well(), func(e *Evidence) {
		e.UDP, e.Path, e.Running.Transport = dropped(), Path{Asked: true, Short: true, Fits: 1200}, "tcp"
	})
	put("long-handshakes-dropped", well(), func(e *Evidence) { e.Path = Path{Asked: true, Short: true} })
	box := func(host string) Shown { return Shown{Host: host, Trusted: true, By: "CN=FortiGate CA"} }
	put("inspected", well(), func(e *Evidence) {
		e.Shown = []Shown{box("login.cloud.example"), box("www.mail.test")}
		e.Shown[0].Added = "/usr/local/share/ca-certificates/box.crt"
	})
	put("inspected-untrusted", well(), func(e *Evidence) {
		e.Shown = []Shown{box("login.cloud.example"), box("www.mail.test")}
		e.Shown[0].Trusted, e.Shown[1].Trusted = false, false
	})
}

// TestWhatProvesNothingAccusesNobody: a web server that leads elsewhere, one
// company's own authority, a line on which nothing was seen.
func TestWhatProvesNothingAccusesNobody(t *testing.T) {
	box := Shown{Host: "www.mail.test", Trusted: true, By: "CN=Company CA"}
	same := box
	same.Host = "portal.mail.test"
	for name, c := range map[string]struct {
		id    string
		level uplink.Level
		f     func(*Evidence)
	}{
		"the server's own web server leads to its company": {idCaptive, uplink.LevelPass, func(e *Evidence) {
			e.Pages = []Page{{Host: "picket.example.com", Status: 301, Leads: "www.other.example.org"}}
		}},
		"services lead elsewhere, each to its own": {idCaptive, uplink.LevelPass, func(e *Evidence) {
			e.Pages = []Page{{Host: "picket.example.com", Status: 301, Leads: "www.other.example.org"}, {Host: "a.test", Status: 302, Leads: "b.test"}}
		}},
		"two names of one owner lead to the same place": {idCaptive, uplink.LevelPass, func(e *Evidence) {
			e.Pages = []Page{{Host: "picket.example.com", Status: 301, Leads: "www.other.example.org"}, {Host: "vpn.example.com", Status: 301, Leads: "www.other.example.org"}}
		}},
		"a service without an answer": {idCaptive, uplink.LevelPass, func(e *Evidence) {
			e.Pages = []Page{{Host: "picket.example.com", Status: 301, Leads: "www.other.example.org"}, {Host: "a.test"}}
		}},
		"one company's authority":           {idInspect, uplink.LevelSkip, func(e *Evidence) { e.Shown[0] = box }},
		"two names of one company":          {idInspect, uplink.LevelSkip, func(e *Evidence) { e.Shown = []Shown{box, same} }},
		"the same public authority, logged": {idInspect, uplink.LevelPass, func(e *Evidence) { e.Shown[1].By = e.Shown[0].By }},
		"a public authority that this machine does not know": {idInspect, uplink.LevelSkip, func(e *Evidence) {
			for i := range e.Shown {
				e.Shown[i].Trusted, e.Shown[i].By = false, "CN=New Public CA"
			}
		}},
		"no certificate to judge":               {idInspect, uplink.LevelSkip, func(e *Evidence) { e.Shown = []Shown{{Host: "a.test", Err: errors.New("refused")}} }},
		"no TCP":                                {idPath, uplink.LevelSkip, func(e *Evidence) { e.Path = Path{} }},
		"a line that died between two attempts": {idPath, uplink.LevelSkip, func(e *Evidence) { e.Path = Path{Asked: true} }},
	} {
		e := well()
		c.f(&e)
		if f, ok := e.Judge().Find(c.id); !ok || f.Level != c.level {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestFindingsReadAsTheyShould(t *testing.T) {
	for name, e := range scenes() {
		r := e.Judge()
		var b bytes.Buffer
		r.WriteText(&b)
		path := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s: got\n%swant\n%s", name, b.String(), want)
		}
	}
}

// TestOneCauseHasOneFailure: whatever is wrong with the line, one failure tells
// it, and what follows from it is skipped.
func TestOneCauseHasOneFailure(t *testing.T) {
	all := scenes()
	for name, id := range map[string]string{"both-blocked": idCollector, "nobody-listens": idCollector, "dns-filter": idDNS, "dns-unknown": idDNS,
		"dns-refused": idDNS, "intercepted": idIntercept, "pin": idIntercept, "proxy-407": idProxy, "proxy-alone": idProxy, "not-enrolled": idIdentity, "revoked": idIdentity,
		"captive": idCaptive, "captive-511": idCaptive, "captive-at-home": idCaptive, "captive-perhaps": idCollector,
		"not-running": idService, "disk-full": idBuffer, "quarantine": idFiles} {
		var fails []string
		for _, f := range all[name].Judge().Findings {
			if f.Level == uplink.LevelFail {
				fails = append(fails, f.ID)
				if f.Fix == "" || f.Means == "" {
					t.Errorf("%s: %s says neither what it means nor what to do", name, f.ID)
				}
			}
			if f.Level == uplink.LevelWarn && (f.Fix == "" || f.Means == "") {
				t.Errorf("%s: warning %s says neither what it means nor what to do", name, f.ID)
			}
		}
		if len(fails) != 1 || fails[0] != id {
			t.Errorf("%s: failures %v, want %s", name, fails, id)
		}
	}
	for _, name := range []string{"udp-blocked", "tcp-blocked", "no-ping", "other-user", "waiting", "clock-a-little", "dns-made-up",
		"captive-for-the-web", "windows-without-sockets", "mtu", "mtu-too-short-for-quic", "long-handshakes-dropped", "inspected", "inspected-untrusted"} {
		if r := all[name].Judge(); r.Verdict != uplink.LevelWarn {
			t.Errorf("%s: %v, though the agent works", name, r.Verdict)
		}
	}
}

func TestACodeGoesWithItsTrouble(t *testing.T) {
	all := scenes()
	for name, code := range map[string]string{"udp-blocked": "E104", "both-blocked": "E105", "dns-filter": "E103", "intercepted": "E106", "pin": "E106",
		"clock": "E107", "clone": "E111", "proxy-407": "E108", "quarantine": "E110",
		"captive": "E105", "captive-511": "E105", "captive-at-home": "E105", "captive-perhaps": "E105"} {
		var codes []string
		for _, f := range all[name].Judge().Findings {
			if f.Code != "" {
				codes = append(codes, f.Code)
			}
		}
		if len(codes) != 1 || codes[0] != code {
			t.Errorf("%s: codes %v, want %s alone", name, codes, code)
		}
	}
}

func TestWhatARemoteToolIsShown(t *testing.T) {
	e := scenes()["both-blocked"]
	e.Host = "büro-pc"
	r := e.Judge()
	for i := range 60 {
		r.Findings = append(r.Findings, uplink.Finding{ID: fmt.Sprint("x", i), Level: uplink.LevelWarn, Text: strings.Repeat("ü", 500)})
	}
	var b bytes.Buffer
	r.WriteRMM(&b)
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > 40 || b.Len() > 8000+40 || !strings.HasPrefix(lines[0], "FAIL acme/madrid: 1 failure") {
		t.Errorf("%d lines, %d bytes: %s", len(lines), b.Len(), lines[0])
	}
	for _, c := range b.String() {
		if c != '\n' && (c < 0x20 || c > 0x7e) {
			t.Fatalf("not plain: %q", c)
		}
	}
	if !strings.HasPrefix(lines[1], "FAIL collector E105: ") {
		t.Errorf("the failure does not come first: %s", lines[1])
	}
}

func TestErrorsAreNotEmptyWords(t *testing.T) {
	if got := knockWords(Knock{Took: 2 * time.Second, Err: &uplink.UnreachableError{Addr: "a"}}); got != "no reply in 2s" {
		t.Errorf("tries that never ended: %q", got)
	}
	if got := knockWords(Knock{Err: errors.New("odd\nthing")}); got != "odd thing" {
		t.Errorf("%q", got)
	}
}
