package influx

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"picket/internal/fleet"
	"picket/probes"
)

var (
	tags    = Tags{Client: "acme", Site: "acme/hq", Agent: "01JX", VRegion: "eu-south"}
	network = fleet.Network{ID: 1, Name: "AS3352 Telefonica"}
	target  = fleet.Target{ID: "afd-weu", Provider: "azure", Service: "front-door", Region: "westeurope"}
	check   = fleet.Check{ID: "afd-weu/http", Target: "afd-weu", Spec: probes.Spec{Kind: probes.HTTP}}
	moment  = time.UnixMilli(1_772_366_400_123)
	full    = fleet.Record{Seq: 7, Time: moment, Result: probes.Result{Kind: probes.HTTP, Outcome: probes.Up,
		DNS: 1500 * time.Microsecond, Connect: 12 * time.Millisecond, TLS: 25 * time.Millisecond, TTFB: 31 * time.Millisecond,
		Total: 70 * time.Millisecond, Code: 200, HasCert: true, CertDays: -3, Bytes: 5120, Family: 4,
		Addr: netip.MustParseAddr("192.0.2.1"), Edge: "MAD"}}
)

const tagText = `probe,agent=01JX,check=afd-weu/http,client=acme,family=4,kind=http,network=AS3352\ Telefonica,` +
	`pregion=westeurope,provider=azure,service=front-door,site=acme/hq,target=afd-weu,vregion=eu-south `

// These lines are owed to dashboards and to data that is already stored.
func TestGoldenLines(t *testing.T) {
	down := full
	down.Result = probes.Result{Outcome: probes.Down, Cause: probes.TCPTimeout, Total: 3 * time.Second, DNS: time.Millisecond, Code: -1,
		Family: 6, Addr: netip.MustParseAddr("fe80::1%eth0"), Err: "dial \"x\": i/o\ntimeout"}
	unknown := fleet.Record{Time: moment, Result: probes.Result{Cause: probes.LocalNoRoute, Code: -1}}
	ping := fleet.Record{Time: moment, Result: probes.Result{Outcome: probes.Degraded, Cause: probes.PingLoss, Family: 4, Code: -1,
		RTT: 12345 * time.Microsecond, Sent: 4, Received: 3, Total: time.Second}}
	lost := fleet.Record{Time: moment, Result: probes.Result{Outcome: probes.Down, Cause: probes.PingTimeout, Family: 4, Sent: 3, Total: time.Second}}
	dns := fleet.Record{Time: moment, Result: probes.Result{Outcome: probes.Up, DNS: time.Millisecond, Total: time.Millisecond, Family: 4}}
	of := func(k probes.Kind) fleet.Check { return fleet.Check{ID: "c", Target: "t", Spec: probes.Spec{Kind: k}} }
	bare := fleet.Target{ID: "t"}
	yes := Verdict{Time: moment, Scope: "region", Provider: "azure", Region: "westeurope", State: 4, Grid: true, Known: true, DownSites: 9, Sites: 11,
		DownNetworks: 6, Networks: 7, Layer: "tls", Confidence: "confirmed"}
	for name, c := range map[string]struct{ got, want string }{
		"everything went well": {string(AppendProbe(nil, tags, network, check, target, full)),
			tagText + `outcome=1i,up=1i,dns_us=1500i,connect_us=12000i,tls_us=25000i,ttfb_us=31000i,total_us=70000i,code=200i,cert_days=-3i,bytes=5120i,edge="MAD",addr="192.0.2.1" 1772366400123` + "\n"},
		"phases that were not reached are not there": {string(AppendProbe(nil, tags, network, check, target, down)),
			strings.Replace(tagText, "family=4", "family=6", 1) + `outcome=3i,up=0i,cause="tcp_timeout",dns_us=1000i,total_us=3000000i,addr="fe80::1",err="dial \"x\": i/o timeout" 1772366400123` + "\n"},
		"unknown is neither up nor down, empty tags are left out": {string(AppendProbe(nil, Tags{}, fleet.Network{}, of(probes.TCP), bare, unknown)),
			`probe,check=c,family=-,kind=tcp,target=t outcome=0i,cause="local_noroute" 1772366400123` + "\n"},
		"ping": {string(AppendProbe(nil, Tags{}, fleet.Network{}, of(probes.Ping), bare, ping)),
			`probe,check=c,family=4,kind=ping,target=t outcome=2i,up=1i,cause="ping_loss",total_us=1000000i,rtt_us=12345i,jitter_us=0i,loss=0.25 1772366400123` + "\n"},
		"whole loss is a float too": {string(AppendProbe(nil, Tags{}, fleet.Network{}, of(probes.Ping), bare, lost)),
			`probe,check=c,family=4,kind=ping,target=t outcome=3i,up=0i,cause="ping_timeout",total_us=1000000i,loss=1 1772366400123` + "\n"},
		"rcode 0 is an answer": {string(AppendProbe(nil, Tags{}, fleet.Network{}, of(probes.DNS), bare, dns)),
			`probe,check=c,family=4,kind=dns,resolver=system,target=t outcome=1i,up=1i,dns_us=1000i,total_us=1000i,code=0i 1772366400123` + "\n"},
		"verdict": {string(AppendVerdict(nil, yes)),
			`verdict,pregion=westeurope,provider=azure,scope=region state=4i,known=1i,maint=0i,good=0i,down_sites=9i,sites=11i,down_networks=6i,networks=7i,layer="tls",confidence="confirmed" 1772366400123` + "\n"},
		"verdict without data": {string(AppendVerdict(nil, Verdict{Time: moment, Scope: "target", Target: "t", State: -1})),
			`verdict,scope=target,target=t state=-1i,down_sites=0i,sites=0i,down_networks=0i,networks=0i 1772366400123` + "\n"},
		"incident": {string(AppendIncident(nil, Incident{ID: "01J", Opened: moment, Kind: "provider-region", Provider: "azure", Title: "Azure, West Europe",
			Start: moment.Add(-time.Second), End: moment.Add(time.Second), Detect: 3 * time.Second, AckLag: -90 * time.Second, HasAckLag: true, Drill: true})),
			`incident,id=01J drill=1i,kind="provider-region",provider="azure",client="*",title="Azure, West Europe",start_ms=1772366399123i,end_ms=1772366401123i,detect_s=3,ack_lag_s=-90 1772366400123` + "\n"},
		"nothing is good while it is worked on": {string(AppendVerdict(nil, Verdict{Time: moment, Scope: "target", Target: "t", State: 4, Grid: true, Known: true, Maintenance: true, Good: true})),
			`verdict,scope=target,target=t state=4i,known=0i,maint=1i,down_sites=0i,sites=0i,down_networks=0i,networks=0i 1772366400123` + "\n"},
		"a resolver of its own": {string(AppendProbe(nil, Tags{}, fleet.Network{}, fleet.Check{ID: "c", Target: "t", Spec: probes.Spec{Kind: probes.DNS, Resolver: "9.9.9.9:53"}}, bare, dns)),
			`probe,check=c,family=4,kind=dns,resolver=9.9.9.9:53,target=t outcome=1i,up=1i,dns_us=1000i,total_us=1000i,code=0i 1772366400123` + "\n"},
		"the server itself": {string(AppendCollector(nil, Collector{Time: moment, Version: "1.2", Uptime: time.Minute, Ready: true, Agents: 12, Connected: 11, Results: 500, JudgeLag: -1, Waiting: 2, Due: 3 * time.Second})),
			`collector ready=1i,frozen=0i,version="1.2",uptime_s=60,rounds=0i,agents=12i,connected=11i,sites=0i,voting=0i,networks=0i,goroutines=0i,letters_waiting=2i,` +
				`results=500i,lost=0i,refused=0i,mem_bytes=0i,influx_lines=0i,influx_refused=0i,influx_busy=0i,influx_alarms=0i,points_dropped=0i,letters_sent=0i,letters_dead=0i,letters_due_s=3 1772366400123` + "\n"},
		"a letter": {string(AppendLetter(nil, Letter{Time: moment, Route: "on call", Channel: "mail", GivenUp: true, Event: "opened", Incident: "01J", Latency: 1500 * time.Millisecond, Tries: 3})),
			`notify,channel=mail,result=given_up,route=on\ call latency_ms=1500i,tries=3i,given_up=1i,event="opened",incident="01J" 1772366400123` + "\n"},
		"what a cloud says": {string(AppendOfficial(nil, Official{Time: moment, Provider: "azure", Region: "westeurope", State: OfficialUnknown, Age: -1})),
			`official,pregion=westeurope,provider=azure state=2i 1772366400123` + "\n"},
		"a notice": {string(AppendNotice(nil, Notice{Posted: moment, ID: "X1", Provider: "azure", State: OfficialDown, Title: "Outage", Service: "front-door", End: moment.Add(time.Second)})),
			`notice,id=X1,provider=azure state=5i,title="Outage",about="azure front-door",service="front-door",end_ms=1772366401123i 1772366400123` + "\n"},
		"agent": {string(AppendAgent(nil, Agent{Time: moment, Client: "acme", Site: "acme/hq", Agent: "01JX", OS: "windows", Version: "1.0", Up: true, Spool: math.MaxUint64,
			Skew: -2 * time.Millisecond, RSS: 11 << 20, CPU: 0.5, Transport: "quic", VRegion: "eu", RTT: 1500 * time.Microsecond, Since: moment})),
			`agent,agent=01JX,client=acme,os=windows,site=acme/hq,version=1.0,vregion=eu up=1i,voting=0i,spool=9223372036854775807i,skew_ms=-2i,rss_bytes=11534336i,cpu_pct=0.5,transport="quic",dropped=0i,rtt_ms=1.5,since_ms=1772366400123i 1772366400123` + "\n"},
		"a figure that is none is left out": {string(appendFloat(appendFloat(nil, "a", math.NaN()), "b", math.Inf(-1))), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, c.got, c.want)
		}
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst = AppendProbe(dst[:0], tags, network, check, target, full) }); n != 0 {
		t.Errorf("%v allocations per point", n)
	}
}

// read takes a line apart by the protocol's rules, written down independently
// of the encoder.
func read(t *testing.T, line string) (tags, fields map[string]string) {
	t.Helper()
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
		t.Fatalf("not one line: %q", line)
	}
	tags, fields = map[string]string{}, map[string]string{}
	// word reads up to the first of ends that no backslash precedes.
	word := func(ends string) (word string, end byte) {
		for ; len(line) > 0; line = line[1:] {
			if c := line[0]; c == '\\' && len(line) > 1 && strings.IndexByte(`,= `, line[1]) >= 0 {
				line = line[1:]
			} else if strings.IndexByte(ends, c) >= 0 {
				line = line[1:]
				return word, c
			}
			word += line[:1]
		}
		return word, 0
	}
	_, end := word(", ")
	for end == ',' {
		key, _ := word("=")
		tags[key], end = word(", ")
	}
	for end = ','; end == ','; {
		key, _ := word("=")
		if !strings.HasPrefix(line, `"`) {
			fields[key], end = word(", ")
			continue
		}
		for line = line[1:]; line[0] != '"'; line = line[1:] {
			if line[0] == '\\' && (line[1] == '"' || line[1] == '\\') {
				line = line[1:]
			}
			fields[key] += line[:1]
		}
		end, line = line[1], line[2:]
	}
	if _, end = word("\n"); end != '\n' || line != "" {
		t.Fatalf("behind the timestamp: %q", line)
	}
	return tags, fields
}

func FuzzEscaping(f *testing.F) {
	for _, s := range []string{"plain", `a,b=c d`, `back\slash`, `\,`, `ends\`, `"quoted"`, "a\nb\tc", "é漢\xff", strings.Repeat("é", 2000), `\\`, ` `, `\" x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := string(appendEnd(appendString(append(appendTag([]byte("m"), "tag", s), " x=1i"...), "field", s), moment))
		if !utf8.ValidString(line) {
			t.Fatalf("not UTF-8: %q", line)
		}
		tags, fields := read(t, line)
		clean := func(n int, control string) string {
			s := strings.ToValidUTF8(cut(s, n), "\x00") // a run becomes one; compared without them
			return strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f {
					if r == 0 {
						return -1
					}
					return rune(control[0])
				}
				return r
			}, s)
		}
		if strings.ContainsAny(s, "\x00\ufffd") || !utf8.ValidString(s) {
			return // only the form of the line is promised
		}
		wantTag, wantField := clean(maxTag, "_"), clean(maxField, " ")
		if strings.HasSuffix(wantTag, `\`) {
			wantTag += "_"
		}
		if tags["tag"] != wantTag {
			t.Errorf("tag %q reads %q in %q", wantTag, tags["tag"], line)
		}
		if fields["field"] != wantField {
			t.Errorf("field %q reads %q in %q", wantField, fields["field"], line)
		}
	})
}

func BenchmarkAppendProbe(b *testing.B) {
	b.ReportAllocs()
	dst := make([]byte, 0, 1024)
	for b.Loop() {
		dst = AppendProbe(dst[:0], tags, network, check, target, full)
	}
	b.ReportMetric(float64(len(dst)), "B/point")
}
