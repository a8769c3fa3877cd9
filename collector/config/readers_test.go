package config

import (
	"strings"
	"testing"
	"time"
)

const mailed = "smtp: {host: mail.example, from: p@msp.example}\n"

func TestZonesDigestAndRunbooks(t *testing.T) {
	f, err := Parse("p.yaml", []byte(mailed+`include_catalogue: true
alerts:
- {name: desk, mail: [a@msp.example], zone: America/Sao_Paulo}
- {name: chat, mail: [a@msp.example]}
digest: {mail: [a@msp.example], at: "06:15", zone: Europe/Madrid}
runbooks:
- {url: "https://w.example/azure", provider: azure}
- {url: "https://w.example/line", kinds: site}
- {url: "https://w.example/cloud", kinds: provider-side}
`))
	if err != nil {
		t.Fatal(err)
	}
	if f.Alerts[0].Zone.String() != "America/Sao_Paulo" || f.Alerts[1].Zone != nil {
		t.Errorf("zones %v, %v", f.Alerts[0].Zone, f.Alerts[1].Zone)
	}
	if d := f.Daily; d == nil || d.At != 6*time.Hour+15*time.Minute || d.Zone.String() != "Europe/Madrid" || len(d.Mail) != 1 {
		t.Errorf("digest %+v", f.Daily)
	}
	for _, c := range []struct {
		provider    string
		cloud, site bool
		want        string
	}{
		{"azure", true, false, "https://w.example/azure"}, {"aws", true, false, "https://w.example/cloud"}, {"", false, true, "https://w.example/line"}, {"", false, false, ""},
	} {
		if got := f.RunbookFor(c.provider, nil, c.cloud, c.site); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	was, err := Parse("p.yaml", []byte(mailed+"include_catalogue: true\nalerts:\n- {name: desk, mail: [a@msp.example]}\n- {name: chat, mail: [a@msp.example]}\ndigest: {mail: [a@msp.example]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, c := range Diff(was, f) {
		said[c.ID] = c.What
	}
	if said["desk"] != "zone server time -> America/Sao_Paulo" || said["digest"] != "at 07:30 server time to a@msp.example -> at 06:15 Europe/Madrid to a@msp.example" || !strings.HasPrefix(said["runbooks"], "none -> https://w.example/azure azure (all)") {
		t.Errorf("%q", said)
	}
}

func TestZonesDigestsAndRunbooksThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"no such zone":   {mailed + "alerts:\n- {name: a, mail: [a@msp.example], zone: Madrid}\n", `p.yaml:3:42: alerts[0].zone "Madrid": is no time zone: write its name, such as Europe/Madrid, America/New_York or UTC`},
		"a path":         {mailed + "alerts:\n- {name: a, mail: [a@msp.example], zone: ../../etc/passwd}\n", `p.yaml:3:42: alerts[0].zone "../../etc/passwd": is no time zone: write its name, such as Europe/Madrid, America/New_York or UTC`},
		"no such hour":   {mailed + "digest: {mail: [a@msp.example], at: \"25:00\"}\n", `p.yaml:2:37: digest.at "25:00": is no time of day: write it like "07:30"`},
		"nobody gets it": {mailed + "digest: {at: \"07:30\"}\n", `p.yaml:2:9: digest has no mail: write who gets it, such as digest: {mail: [desk@msp.example]}`},
		"no mail server": {"digest: {mail: [a@msp.example]}\n", `p.yaml:1:9: digest goes by mail, but the file has no smtp: say which server takes it, such as smtp: {host: mail.msp.example, from: picket@msp.example}`},
		"a route of that name": {mailed + "alerts:\n- {name: digest, mail: [a@msp.example]}\ndigest: {mail: [a@msp.example]}\n",
			`p.yaml:4:9: digest: an alert route is called digest, under which the digest is sent: rename the route`},
		"no such provider": {"include_catalogue: true\nrunbooks:\n- {url: \"https://w.example/\", provider: azur}\n", `p.yaml:3:41: runbooks[0].provider "azur": no target has this provider, did you mean "azure"?`},
		"no place":         {"runbooks:\n- {kinds: site}\n", `p.yaml:2:3: runbooks[0] has no url: write where to read what to do`},
	} {
		_, err := Parse("p.yaml", []byte(c.src))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n%v, want\n%s", name, err, c.want)
		}
	}
}
