package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// SchemaVersion of every dashboard; see the package doc.
const SchemaVersion = 39

// Dashboard is one dashboard. ID is always null: the uid is its name everywhere.
type Dashboard struct {
	ID            *int        `json:"id"`
	UID           string      `json:"uid"`
	Title         string      `json:"title"`
	Description   string      `json:"description"`
	Tags          []string    `json:"tags"`
	SchemaVersion int         `json:"schemaVersion"`
	Version       int         `json:"version"`
	Editable      bool        `json:"editable"`
	GraphTooltip  int         `json:"graphTooltip"` // 1: one cross-hair for all panels
	Timezone      string      `json:"timezone"`
	WeekStart     string      `json:"weekStart"`
	FiscalYear    int         `json:"fiscalYearStartMonth"`
	LiveNow       bool        `json:"liveNow"`
	Time          Range       `json:"time"`
	Refresh       string      `json:"refresh"`
	Timepicker    Timepicker  `json:"timepicker"`
	Annotations   Annotations `json:"annotations"`
	Links         []Link      `json:"links"`
	Templating    Templating  `json:"templating"`
	Panels        []Panel     `json:"panels"`
}

// Range is what is shown when nobody chose.
type Range struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Timepicker offers how often to read anew.
type Timepicker struct {
	RefreshIntervals []string `json:"refresh_intervals"`
}

// Annotations, and below Templating, are lists in an object.
type Annotations struct {
	List []Annotation `json:"list"`
}

// Templating holds the variables.
type Templating struct {
	List []Variable `json:"list"`
}

// Source names a data source.
type Source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// chosen is the InfluxDB that the variable `datasource` names.
func chosen() Source { return Source{Type: "influxdb", UID: "${datasource}"} }

// Annotation draws marks over the graphs from a query that returns text, tags
// and maybe the end of a range.
type Annotation struct {
	Name       string           `json:"name"`
	Enable     bool             `json:"enable"`
	Hide       bool             `json:"hide"`
	IconColor  string           `json:"iconColor"`
	Datasource Source           `json:"datasource"`
	Target     AnnotationTarget `json:"target"`
}

// AnnotationTarget is the query of an annotation, and which column is what.
type AnnotationTarget struct {
	RefID           string `json:"refId"`
	FromAnnotations bool   `json:"fromAnnotations"`
	RawQuery        bool   `json:"rawQuery"`
	ResultFormat    string `json:"resultFormat"`
	Query           string `json:"query"`
	TextColumn      string `json:"textColumn"`
	TagsColumn      string `json:"tagsColumn"`
	TimeEndColumn   string `json:"timeEndColumn"`
	TitleColumn     string `json:"titleColumn"`
}

// Mark makes an annotation whose query returns the columns text, tag and end.
func Mark(name, colour string, shown bool, query, text, tag, end string) Annotation {
	return Annotation{Name: name, Enable: shown, IconColor: colour, Datasource: chosen(), Target: AnnotationTarget{
		RefID: "Anno", FromAnnotations: true, RawQuery: true, ResultFormat: "table", Query: query,
		TextColumn: text, TagsColumn: tag, TimeEndColumn: end}}
}

// Link leads somewhere else from the head of a dashboard.
type Link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"` // dashboards, link
	URL         string   `json:"url"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
}

// Variable is a choice at the head of a dashboard.
type Variable struct {
	Name        string   `json:"name"`
	Label       string   `json:"label"`
	Description string   `json:"description"`
	Type        string   `json:"type"` // datasource, query, textbox
	Datasource  *Source  `json:"datasource,omitempty"`
	Query       string   `json:"query"`
	Definition  string   `json:"definition,omitempty"`
	Refresh     int      `json:"refresh"` // 1 on load, 2 when the time changes
	Sort        int      `json:"sort"`
	Multi       bool     `json:"multi"`
	IncludeAll  bool     `json:"includeAll"`
	AllValue    string   `json:"allValue,omitempty"`
	Current     Current  `json:"current"`
	Options     []string `json:"options"` // filled by Grafana
	Hide        int      `json:"hide"`
	Regex       string   `json:"regex"`
	SkipURLSync bool     `json:"skipUrlSync"`
}

// Current is what is chosen first: one text, or a list.
type Current struct {
	Text  any `json:"text,omitempty"`
	Value any `json:"value,omitempty"`
}

// SourceVariable chooses the data source; every panel uses it.
func SourceVariable(label, description string) Variable {
	return Variable{Name: "datasource", Label: label, Description: description, Type: "datasource", Query: "influxdb", Refresh: 1, Options: []string{}}
}

// QueryVariable offers what query returns: several at once, and all, which is
// where it begins. Without all it begins with the first.
func QueryVariable(name, label, description, query string, all bool) Variable {
	source := chosen()
	v := Variable{Name: name, Label: label, Description: description, Type: "query", Datasource: &source, Query: query, Definition: query,
		Refresh: 2, Sort: 1, Multi: true, Options: []string{}}
	if all {
		v.IncludeAll, v.AllValue = true, ".*"
		v.Current = Current{Text: []string{"All"}, Value: []string{"$__all"}}
	}
	return v
}

// TextVariable is a text that a person may change.
func TextVariable(name, label, description, value string) Variable {
	return Variable{Name: name, Label: label, Description: description, Type: "textbox", Query: value,
		Current: Current{Text: value, Value: value}, Options: []string{}}
}

// Encode writes d as it is committed: indented by two spaces, with an end of line.
func Encode(d Dashboard) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("encode dashboard %s: %w", d.UID, err)
	}
	return out.Bytes(), nil
}
