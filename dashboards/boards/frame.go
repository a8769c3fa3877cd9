package boards

import (
	"fmt"
	"strings"

	"picket/dashboards/grafana"
)

// board is what stands around the panels of every dashboard.
type board struct {
	name, title, question string
	from                  string             // what is shown when nobody chose; "" means the last day
	vars                  []grafana.Variable // between the data source and the page's address
	panels                []*grafana.Panel
}

// All makes every board. page is the address of the Picket page in their links.
func All(page string) []grafana.Dashboard {
	var all []grafana.Dashboard
	for _, b := range []board{overview(), client(), target(), fleet(), provider(), dns(), sla(), self()} {
		all = append(all, b.frame(page))
	}
	return all
}

// UID is the name of a board for ever.
func uid(name string) string { return "picket-" + name }

func (b board) frame(page string) grafana.Dashboard {
	for _, p := range b.panels {
		if f := p.FieldConfig; f != nil && f.Defaults.Thresholds == nil { // Grafana's own would be green
			p.Steps(plain())
		}
	}
	d := grafana.Dashboard{
		UID: uid(b.name), Title: "Picket: " + b.title, Description: b.question, Tags: []string{"picket"},
		SchemaVersion: grafana.SchemaVersion, Version: 1, GraphTooltip: 1, Timezone: "browser", Refresh: "30s",
		Time:        grafana.Range{From: "now-24h", To: "now"},
		Timepicker:  grafana.Timepicker{RefreshIntervals: []string{"30s", "1m", "5m", "15m", "1h"}},
		Annotations: grafana.Annotations{List: marks()}, Links: links(), Panels: grafana.Place(b.panels...),
	}
	if b.from != "" {
		d.Time.From = b.from
	}
	d.Templating.List = append(d.Templating.List, grafana.SourceVariable("Data source", "The InfluxDB that the Picket server writes to"))
	d.Templating.List = append(d.Templating.List, b.vars...)
	d.Templating.List = append(d.Templating.List, grafana.TextVariable("page", "Picket page", "Address of the Picket page, for links", page))
	return d
}

// marks are the layers over the graphs. Drills are there for who asks.
func marks() []grafana.Annotation {
	incident := func(name, colour string, shown bool, where string) grafana.Annotation {
		return grafana.Mark(name, colour, shown, `SELECT "title", "kind", "end_ms" FROM "incident" WHERE $timeFilter AND `+where, "title", "kind", "end_ms")
	}
	return []grafana.Annotation{
		incident("Incidents", down, true, `"drill" = 0`),
		incident("Drills", grey, false, `"drill" = 1`),
		grafana.Mark("Provider notices", degraded, true, `SELECT "title", "about", "end_ms" FROM "notice" WHERE $timeFilter`, "title", "about", "end_ms"),
	}
}

func links() []grafana.Link {
	return []grafana.Link{
		{Title: "Picket dashboards", Type: "dashboards", Tags: []string{"picket"}, AsDropdown: true, IncludeVars: true, KeepTime: true, Icon: "external link"},
		{Title: "Picket page", Type: "link", URL: "${page}/", Tags: []string{}, TargetBlank: true, Icon: "external link", Tooltip: "The page of the Picket server"},
	}
}

// The variables, by the name that queries and links use.

func clientVar() grafana.Variable {
	return grafana.QueryVariable("client", "Client", "Clients whose sites to look at; what is judged does not depend on it",
		`SHOW TAG VALUES FROM "agent" WITH KEY = "client"`, true)
}

func siteVar() grafana.Variable {
	return grafana.QueryVariable("site", "Site", "Sites of these clients",
		`SHOW TAG VALUES FROM "agent" WITH KEY = "site" WHERE "client" =~ /^$client$/`, true)
}

func providerVar() grafana.Variable {
	return grafana.QueryVariable("provider", "Cloud", "Clouds to show", `SHOW TAG VALUES FROM "verdict" WITH KEY = "provider"`, true)
}

func serviceVar() grafana.Variable {
	return grafana.QueryVariable("service", "Kind of service", "Kinds of service of these clouds",
		`SHOW TAG VALUES FROM "verdict" WITH KEY = "service" WHERE "provider" =~ /^$provider$/`, true)
}

func regionVar() grafana.Variable {
	return grafana.QueryVariable("pregion", "Cloud region", "Regions of these clouds; all takes in what belongs to no region",
		`SHOW TAG VALUES FROM "verdict" WITH KEY = "pregion" WHERE "provider" =~ /^$provider$/ AND "service" =~ /^$service$/`, true)
}

// toBoard is a link to another board for what a value tells of. It keeps the time
// that is shown, the data source and the page; set are "variable=field", where the
// field is a column by its name on screen, or a tag of the series after a dot; or a
// variable alone, whose choice goes along.
func toBoard(title, name string, set ...string) grafana.DataLink {
	u := "/d/" + uid(name) + "?${__url_time_range}&${datasource:queryparam}&${page:queryparam}"
	for _, s := range set {
		variable, field, isSet := strings.Cut(s, "=")
		if !isSet {
			u += "&${" + variable + ":queryparam}"
			continue
		}
		value := fmt.Sprintf(`${__data.fields["%s"]}`, field)
		if tag, isTag := strings.CutPrefix(field, "."); isTag {
			value = "${__field.labels." + tag + "}"
		}
		u += "&var-" + variable + "=" + value
	}
	return grafana.DataLink{Title: title, URL: u}
}

// toPage is a link to the Picket page, in a tab of its own.
func toPage(title, path string) grafana.DataLink {
	return grafana.DataLink{Title: title, URL: "${page}" + path, TargetBlank: true}
}
