package grafana

// Reduce makes one value of a series.
type Reduce struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

// Last is the reduction to the newest value that there is.
func Last(fields string) Reduce { return Reduce{Calcs: []string{"lastNotNull"}, Fields: fields} }

// StatOptions are those of a panel of big figures.
type StatOptions struct {
	ReduceOptions Reduce `json:"reduceOptions"`
	TextMode      string `json:"textMode"`
	ColorMode     string `json:"colorMode"`
	GraphMode     string `json:"graphMode"`
	JustifyMode   string `json:"justifyMode"`
	Orientation   string `json:"orientation"`
}

// TableOptions are those of a table.
type TableOptions struct {
	ShowHeader bool     `json:"showHeader"`
	CellHeight string   `json:"cellHeight"`
	SortBy     []SortBy `json:"sortBy,omitempty"`
}

// SortBy orders a table by the column that is displayed so.
type SortBy struct {
	DisplayName string `json:"displayName"`
	Desc        bool   `json:"desc"`
}

// TableField is the custom part of a table's fields.
type TableField struct {
	Align       string `json:"align"`
	CellOptions Cell   `json:"cellOptions"`
	Filterable  bool   `json:"filterable"`
}

// Cell says how a cell is drawn: auto, color-background.
type Cell struct {
	Type string `json:"type"`
	Mode string `json:"mode,omitempty"`
}

// TimelineOptions are those of a state timeline.
type TimelineOptions struct {
	MergeValues bool    `json:"mergeValues"`
	ShowValue   string  `json:"showValue"`
	RowHeight   float64 `json:"rowHeight"`
	AlignValue  string  `json:"alignValue"`
	Legend      Legend  `json:"legend"`
	Tooltip     Tooltip `json:"tooltip"`
}

// HistoryOptions are those of a status history.
type HistoryOptions struct {
	ShowValue string  `json:"showValue"`
	RowHeight float64 `json:"rowHeight"`
	ColWidth  float64 `json:"colWidth"`
	Legend    Legend  `json:"legend"`
	Tooltip   Tooltip `json:"tooltip"`
}

// TimelineField is the custom part of a state timeline's fields.
type TimelineField struct {
	FillOpacity int `json:"fillOpacity"`
	LineWidth   int `json:"lineWidth"`
}

// HistoryField is the custom part of a status history's fields.
type HistoryField struct {
	FillOpacity int `json:"fillOpacity"`
	LineWidth   int `json:"lineWidth"`
}

// BarGaugeOptions are those of bars, one a series.
type BarGaugeOptions struct {
	ReduceOptions Reduce `json:"reduceOptions"`
	Orientation   string `json:"orientation"`
	DisplayMode   string `json:"displayMode"`
	ShowUnfilled  bool   `json:"showUnfilled"`
	ValueMode     string `json:"valueMode"`
}

// SeriesOptions are those of lines over time.
type SeriesOptions struct {
	Legend  Legend  `json:"legend"`
	Tooltip Tooltip `json:"tooltip"`
}

// SeriesField is the custom part of a line's fields.
type SeriesField struct {
	DrawStyle         string   `json:"drawStyle"`
	LineInterpolation string   `json:"lineInterpolation"`
	LineWidth         int      `json:"lineWidth"`
	FillOpacity       int      `json:"fillOpacity"`
	ShowPoints        string   `json:"showPoints"`
	PointSize         int      `json:"pointSize"`
	SpanNulls         bool     `json:"spanNulls"`
	Stacking          Stacking `json:"stacking"`
}

// Stacking puts lines on top of each other: none, normal.
type Stacking struct {
	Mode  string `json:"mode"`
	Group string `json:"group"`
}

// Legend names the series.
type Legend struct {
	ShowLegend  bool     `json:"showLegend"`
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	Calcs       []string `json:"calcs"`
}

// Tooltip tells of what is under the pointer.
type Tooltip struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

// TextOptions are those of a panel of words.
type TextOptions struct {
	Mode    string `json:"mode"`
	Content string `json:"content"`
}
