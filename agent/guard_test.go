package agent

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/probes"
)

func TestPolicyOfTheSite(t *testing.T) {
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, p := range list {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	p := guardPolicy(identity.Policy{
		Allow: prefixes("127.0.0.0/8", "10.0.0.0/8", "fd00:1::/32", "::ffff:169.254.7.0/120"),
		Deny:  prefixes("10.9.0.0/16", "192.0.2.0/24", "2001:db8:bad::/48", "::ffff:198.51.100.0/120"),
	})
	for addr, ok := range map[string]bool{
		"127.0.0.1":   true, // allowed over the default
		"169.254.7.1": true,
		"10.1.2.3":    true,
		"fd00:1::1":   true,
		"203.0.113.1": true, // the default

		"10.9.1.1":                     false, // denied over allowed
		"192.0.2.1":                    false,
		"198.51.100.1":                 false, // by a mapped prefix
		"2001:db8:bad::1":              false,
		"2001:db8:bad::1%eth0":         false,
		"::ffff:10.9.1.1":              false,
		"64:ff9b::192.0.2.1":           false,
		"64:ff9b::192.0.2.1%lo":        false,
		"64:ff9b:1::192.0.2.1":         false,
		"64:ff9b:1:c000:2:100::":       false,
		"2002:c000:201::1":             false,
		"::192.0.2.1":                  false,
		"169.254.169.254":              false, // the default
		"168.63.129.16":                false,
		"::1":                          false,
		"64:ff9b::127.0.0.1":           false, // allowed only by its own name
		"2002:7f00:1::":                false,
		"fd00:ec2::254%lo":             false,
		"64:ff9b::a9fe:a9fe%lo":        false,
		"64:ff9b::169.254.7.1":         false,
		"64:ff9b:1:a9fe:a9:fe00::dead": false,
	} {
		if err := p(netip.MustParseAddr(addr)); (err == nil) != ok {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if p(netip.Addr{}) == nil || guardPolicy(identity.Policy{})(netip.Addr{}) == nil {
		t.Error("no address at all is allowed")
	}
}

func TestAConfigThatWouldDoHarmIsRefused(t *testing.T) {
	config := func(spoil func(c *fleet.Config)) fleet.Config {
		c := fleet.Config{ID: 7, Targets: []fleet.Target{{ID: "app"}}}
		for _, id := range []string{"app/http", "", "app/dns"} {
			check := fleet.Check{ID: id, Target: "app", Interval: 10 * time.Second, Spec: probes.Spec{Kind: probes.HTTP, Host: "app.example"}}
			if id == "" {
				check = fleet.Check{}
			}
			c.Checks = append(c.Checks, check)
		}
		spoil(&c)
		return c
	}
	for _, k := range []struct {
		what  string
		spoil func(c *fleet.Config)
		text  string // in the error; "" means fine
	}{
		{"two checks and a blank place", func(*fleet.Config) {}, ""},
		{"a kind of the future", func(c *fleet.Config) { c.Checks[0].Spec = probes.Spec{Kind: 99} }, ""},
		{"a blank place that says more", func(c *fleet.Config) { c.Checks[1].Target = "gone" }, ""},
		{"blank places only", func(c *fleet.Config) { c.Targets, c.Checks = nil, make([]fleet.Check, maxChecks) }, ""},
		{"a second", func(c *fleet.Config) { c.Checks[0].Interval = time.Second }, ""},

		{"too many", func(c *fleet.Config) { c.Checks = make([]fleet.Check, maxChecks+1) }, "20001 checks"},
		{"an id twice", func(c *fleet.Config) { c.Checks[2].ID = "app/http" }, "used twice"},
		{"no id", func(c *fleet.Config) { c.Checks[2].ID = "" }, "no id"},
		{"no kind", func(c *fleet.Config) { c.Checks[2].Spec.Kind = 0 }, "no kind"},
		{"no target", func(c *fleet.Config) { c.Checks[2].Target = "gone" }, "target"},
		{"a flood", func(c *fleet.Config) { c.Checks[2].Interval = time.Millisecond }, "interval"},
		{"no interval", func(c *fleet.Config) { c.Checks[2].Interval = 0 }, "interval"},
		{"time that goes back", func(c *fleet.Config) { c.Checks[2].Interval = -time.Hour }, "interval"},
		{"a short timeout", func(c *fleet.Config) { c.Checks[2].Spec.Timeout = time.Millisecond }, "timeout"},
		{"a long timeout", func(c *fleet.Config) { c.Checks[2].Spec.Timeout = time.Hour }, "timeout"},
		{"a negative timeout", func(c *fleet.Config) { c.Checks[2].Spec.Timeout = -1 }, "timeout"},
	} {
		err := checkConfig(config(k.spoil))
		if (err == nil) != (k.text == "") || err != nil && !strings.Contains(err.Error(), k.text) {
			t.Errorf("%s: %v", k.what, err)
		}
	}
}

func TestRoundsAreBounded(t *testing.T) {
	var b askBudget
	now := time.Unix(1000, 0)
	taken := func(n int, every time.Duration) (got int) {
		for range n {
			if b.take(now) {
				got++
			}
			now = now.Add(every)
		}
		return got
	}
	if got := taken(1000, 0); got != askRounds {
		t.Errorf("%d rounds at once", got)
	}
	if got := taken(100*60, 10*time.Millisecond); got < 4*60-1 || got > 4*60+1 {
		t.Errorf("%d rounds in a minute of asking without end", got)
	}
	now = now.Add(time.Hour)
	if got := taken(40, 250*time.Millisecond); got != 40 {
		t.Errorf("%d of 40 rounds at the pace that is allowed", got)
	}
	taken(1000, 0)
	now = now.Add(-time.Hour)
	if got := taken(1000, time.Millisecond); got != 0 {
		t.Errorf("%d rounds because the clock went back", got)
	}
}
