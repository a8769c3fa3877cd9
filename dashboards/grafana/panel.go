package grafana

// Panel is one panel. Its options and the custom part of its fields are typed by
// kind, in options.go.
type Panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description"`
	Datasource      *Source          `json:"datasource,omitempty"`
	GridPos         GridPos          `json:"gridPos"`
	TimeFrom        string           `json:"timeFrom,omitempty"` // looks back only so far, whatever the dashboard shows
	Interval        string           `json:"interval,omitempty"` // least width of a bucket
	Targets         []Query          `json:"targets,omitempty"`
	FieldConfig     *FieldConfig     `json:"fieldConfig,omitempty"`
	Options         any              `json:"options"`
	Transformations []Transformation `json:"transformations,omitempty"`
}

// GridPos is where a panel stands, in 24 columns.
type GridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

// Query is one InfluxQL query of a panel.
type Query struct {
	RefID        string `json:"refId"`
	Datasource   Source `json:"datasource"`
	RawQuery     bool   `json:"rawQuery"`
	ResultFormat string `json:"resultFormat"`
	Alias        string `json:"alias"`
	Query        string `json:"query"`
}

// FieldConfig says how values look, and how those of some columns differ.
type FieldConfig struct {
	Defaults  Field      `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Field is how a value looks.
type Field struct {
	Unit       string      `json:"unit"`
	Thresholds *Thresholds `json:"thresholds,omitempty"`
	Color      *Color      `json:"color,omitempty"`
	Mappings   []Mapping   `json:"mappings,omitempty"`
	Custom     any         `json:"custom,omitempty"`
	NoValue    string      `json:"noValue"`
	Decimals   *int        `json:"decimals,omitempty"`
	Min        *float64    `json:"min,omitempty"`
	Max        *float64    `json:"max,omitempty"`
	Links      []DataLink  `json:"links,omitempty"`
}

// Color says where a value's colour comes from: thresholds, palette-classic.
type Color struct {
	Mode string `json:"mode"`
}

// Thresholds colour values from each step's on.
type Thresholds struct {
	Mode  string `json:"mode"`
	Steps []Step `json:"steps"`
}

// Step is a threshold; the first has no value.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// Mapping turns values into words. Options is [ValueMap] or [SpecialMap].
type Mapping struct {
	Type    string `json:"type"`
	Options any    `json:"options"`
}

// ValueMap maps single values, by their text.
type ValueMap map[string]Shown

// SpecialMap maps null, NaN, true ...
type SpecialMap struct {
	Match  string `json:"match"`
	Result Shown  `json:"result"`
}

// Shown is what stands there instead of the value.
type Shown struct {
	Text  string `json:"text"`
	Color string `json:"color,omitempty"`
	Index int    `json:"index"`
}

// Override changes how the fields that it matches look.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher finds fields: byName, byRegexp.
type Matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

// Property is one setting of an override.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// DataLink leads from a value somewhere else.
type DataLink struct {
	Title       string `json:"title"`
	URL         string `json:"url"`
	TargetBlank bool   `json:"targetBlank"`
}

// Transformation changes the table that the queries made. Options is [Matrix],
// [Organize] or [GroupBy].
type Transformation struct {
	ID      string `json:"id"`
	Options any    `json:"options"`
}

// Matrix turns rows into a field of rows and columns.
type Matrix struct {
	RowField    string `json:"rowField"`
	ColumnField string `json:"columnField"`
	ValueField  string `json:"valueField"`
	EmptyValue  string `json:"emptyValue"`
}

// Organize leaves out, orders and renames columns.
type Organize struct {
	ExcludeByName map[string]bool   `json:"excludeByName"`
	IndexByName   map[string]int    `json:"indexByName"`
	RenameByName  map[string]string `json:"renameByName"`
}

// GroupBy makes one row of all that are equal in the fields of operation
// groupby; the others are summed up.
type GroupBy struct {
	Fields map[string]Grouped `json:"fields"`
}

// Grouped is what becomes of one column.
type Grouped struct {
	Operation    string   `json:"operation"` // groupby, aggregate
	Aggregations []string `json:"aggregations"`
}
