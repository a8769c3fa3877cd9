package boards

import (
	"fmt"
	"strings"

	"picket/dashboards/grafana"
)

// Pieces of InfluxQL. A variable is compared as a whole by an anchored regular
// expression, because several values at once are one; with all values `.*` also
// takes in points that do not have the tag.

const (
	judged    = `FROM "verdict" WHERE $timeFilter AND "scope" = 'target' AND "provider" =~ /^$provider$/`
	judgedAll = `FROM "verdict" WHERE $timeFilter AND "scope" = 'target'`
	ofService = ` AND "service" =~ /^$service$/ AND "pregion" =~ /^$pregion$/`
	asked     = `FROM "probe" WHERE $timeFilter`
	ofCloud   = ` AND "provider" =~ /^$provider$/ AND "provider" != ''`
	anyCloud  = ` AND "provider" != ''`
	ofClient  = ` AND "client" =~ /^$client$/`
	ofSite    = ` AND "site" =~ /^$site$/`
	agents    = `FROM "agent" WHERE $timeFilter` + ofClient
	incidents = `FROM "incident" WHERE $timeFilter AND "drill" = 0`
)

// present is how far a panel that says "now" looks back: agents and verdicts are
// drawn every 30 s.
const present = "3m"

// lately is how far back a panel of probes looks, which are asked up to every 5 minutes.
const lately = "10m"

// by groups a query.
func by(tags ...string) string { return ` GROUP BY "` + strings.Join(tags, `","`) + `"` }

// over groups a query by time too. Only null ends a state: nothing else may fill a gap.
func over(tags ...string) string {
	if len(tags) == 0 {
		return ` GROUP BY time($__interval) fill(null)`
	}
	return ` GROUP BY time($__interval), "` + strings.Join(tags, `","`) + `" fill(null)`
}

// worst is the worst newest state of the targets that where finds, by tags.
func worst(where string, tags ...string) string {
	inner := `SELECT last("state") AS "state" ` + judged + where + by(append(tags, "target")...)
	return `SELECT max("state") AS "state" FROM (` + inner + `)` + by(tags...)
}

// newestOf is the newest of an agent's fields, for each agent that where finds.
func newestOf(where string, fields []string, tags ...string) string {
	picked := make([]string, len(fields))
	for i, f := range fields {
		picked[i] = fmt.Sprintf(`last("%s") AS "%s"`, f, f)
	}
	return `SELECT ` + strings.Join(picked, ", ") + ` ` + agents + where + by(tags...)
}

// sitesOf sums up the newest of agents' fields by tags: a site is what its best agent is.
func sitesOf(where string, tags ...string) string {
	return `SELECT max("up") AS "up", max("voting") AS "voting" FROM (` +
		newestOf(where, []string{"up", "voting"}, append(tags, "agent")...) + `)` + by(tags...)
}

// grown is by how much counters grew in the time shown, all together. A counter
// that begins anew, as after a restart, does not count as grown.
func grown(field, name, from string, tags ...string) string {
	inner := `SELECT non_negative_difference("` + field + `") AS "grown" ` + from
	if len(tags) > 0 {
		inner += by(tags...)
	}
	return `SELECT sum("grown") AS "` + name + `" FROM (` + inner + `)`
}

// incidentTable shows incidents, each with its evidence on the page.
func incidentTable(title, description, where string) *grafana.Panel {
	return grafana.Table(title, description,
		grafana.Rows(`SELECT "id", "title", "client", "state", "confidence", "start_ms", "end_ms", "detect_s", "ack_lag_s" `+incidents+where)).
		Size(24, 9).Empty("no incidents").
		Columns("Time=Declared", "title=Incident", "client=Concerns", "state=State", "confidence=Certainty", "start_ms=Began", "end_ms=Ended",
			"detect_s=Certain after", "ack_lag_s=Cloud admitted it after", "id=Id").
		Sorted("Declared", true).
		Column("Incident", grafana.To(toPage("Evidence", "/incidents/${__data.fields.Id}"))).
		Column("Concerns", grafana.Mapped(everybody())).
		Column("State", grafana.Mapped(stages())).
		Column("Certainty", grafana.Mapped(certainty())).
		Column("Began", grafana.Unit("dateTimeAsIso")).
		Column("Ended", grafana.Unit("dateTimeAsIso"), grafana.Blank("still open")).
		Column("Certain after", grafana.Unit("s"), grafana.Blank("-")).
		Column("Cloud admitted it after", grafana.Unit("s"), grafana.Blank("-"))
}

// failures are the newest failing answers that where finds, each as it came.
func failures(title, description, where string) *grafana.Panel {
	return grafana.Table(title, description,
		grafana.Rows(`SELECT "site", "network", "target", "kind", "cause", "code", "err", "addr", "up" `+asked+where+` AND "up" = 0 ORDER BY time DESC LIMIT 100`)).
		Size(24, 9).Empty("nothing failed").
		Columns("Time=When", "site=Site", "network=ISP", "target=Service", "kind=Asked by", "cause=Cause", "code=Code", "err=What came back", "addr=Address", "up=Answered").
		Sorted("When", true).
		Column("Answered", grafana.Mapped([]grafana.Mapping{{Type: "value", Options: grafana.ValueMap{"0": {Text: "■ no", Color: down}}}})).
		Column("Code", grafana.Blank("-"))
}

// causes counts the newest thousand failures by what is said to be the cause.
func causes(title, description, where string) *grafana.Panel {
	return grafana.Table(title, description,
		grafana.Rows(`SELECT "cause", "kind", "up" `+asked+where+` AND "up" = 0 ORDER BY time DESC LIMIT 1000`)).
		Size(12, 8).Empty("nothing failed").
		Counted("cause", "kind").
		Columns("cause=Cause", "kind=Asked by", "Time (count)=Times", "Time (max)=Newest").
		Sorted("Times", true).
		Column("Newest", grafana.Unit("dateTimeFromNow"))
}
