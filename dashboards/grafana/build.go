package grafana

import "strings"

const columns = 24 // of Grafana's grid

// Place puts panels on the grid from left to right, in rows as high as their
// highest panel, and numbers them.
func Place(panels ...*Panel) []Panel {
	placed := make([]Panel, len(panels))
	x, y, high := 0, 0, 0
	for i, p := range panels {
		if x+p.GridPos.W > columns {
			x, y, high = 0, y+high, 0
		}
		placed[i] = *p
		placed[i].ID, placed[i].GridPos.X, placed[i].GridPos.Y = i+1, x, y
		x, high = x+p.GridPos.W, max(high, p.GridPos.H)
	}
	return placed
}

// Rows is a query whose answer is a table: its tags and fields are columns.
func Rows(query string) Query {
	return Query{Datasource: chosen(), RawQuery: true, ResultFormat: "table", Query: query}
}

// Lines is a query whose answer is one series for each combination of tags,
// called by alias, in which $tag_x stands for a tag.
func Lines(alias, query string) Query {
	return Query{Datasource: chosen(), RawQuery: true, ResultFormat: "time_series", Alias: alias, Query: query}
}

// newPanel makes a panel that colours by thresholds.
func newPanel(kind, title, description, unit string, queries []Query) *Panel {
	source := chosen()
	p := &Panel{Type: kind, Title: title, Description: description, Datasource: &source, Targets: queries,
		FieldConfig: &FieldConfig{Overrides: []Override{}, Defaults: Field{Unit: unit, Color: &Color{Mode: "thresholds"}, NoValue: "no data"}}}
	for i := range p.Targets {
		p.Targets[i].RefID = string(rune('A' + i))
	}
	return p
}

// Stat makes big figures: what the newest values are.
func Stat(title, description, unit string, queries ...Query) *Panel {
	p := newPanel("stat", title, description, unit, queries)
	p.Options = StatOptions{ReduceOptions: Last(""), TextMode: "auto", ColorMode: "value", GraphMode: "none", JustifyMode: "auto", Orientation: "vertical"}
	return p.Size(4, 4)
}

// Table makes a table.
func Table(title, description string, query Query) *Panel {
	p := newPanel("table", title, description, "short", []Query{query})
	p.Options = TableOptions{ShowHeader: true, CellHeight: "sm"}
	p.FieldConfig.Defaults.Custom = TableField{Align: "left", CellOptions: Cell{Type: "auto"}}
	return p
}

// Timeline makes a state timeline: a bar a series, coloured by state.
func Timeline(title, description, unit string, queries ...Query) *Panel {
	p := newPanel("state-timeline", title, description, unit, queries)
	p.Options = TimelineOptions{MergeValues: true, ShowValue: "never", RowHeight: 0.85, AlignValue: "left", Legend: legend(), Tooltip: Tooltip{Mode: "single", Sort: "none"}}
	p.FieldConfig.Defaults.Custom = TimelineField{FillOpacity: 80}
	return p
}

// History makes a status history: a row of fields a series, coloured by value.
func History(title, description, unit string, queries ...Query) *Panel {
	p := newPanel("status-history", title, description, unit, queries)
	p.Options = HistoryOptions{ShowValue: "never", RowHeight: 0.9, ColWidth: 0.95, Legend: legend(), Tooltip: Tooltip{Mode: "single", Sort: "none"}}
	p.FieldConfig.Defaults.Custom = HistoryField{FillOpacity: 80}
	return p
}

// Bars makes a bar a series, of its newest value.
func Bars(title, description, unit string, queries ...Query) *Panel {
	p := newPanel("bargauge", title, description, unit, queries)
	p.Options = BarGaugeOptions{ReduceOptions: Last(""), Orientation: "horizontal", DisplayMode: "basic", ShowUnfilled: true, ValueMode: "text"}
	return p
}

// Series makes lines over time, which begin at zero.
func Series(title, description, unit string, queries ...Query) *Panel {
	p := newPanel("timeseries", title, description, unit, queries)
	p.Options = SeriesOptions{Legend: legend(), Tooltip: Tooltip{Mode: "multi", Sort: "desc"}}
	p.FieldConfig.Defaults.Color.Mode = "palette-classic"
	p.FieldConfig.Defaults.Custom = SeriesField{DrawStyle: "line", LineInterpolation: "linear", LineWidth: 2, ShowPoints: "auto", PointSize: 4,
		Stacking: Stacking{Mode: "none", Group: "A"}}
	p.FieldConfig.Defaults.Min = number(0)
	return p
}

// Text makes a panel of words in Markdown.
func Text(title, description, content string) *Panel {
	return &Panel{Type: "text", Title: title, Description: description, Options: TextOptions{Mode: "markdown", Content: content}}
}

func legend() Legend {
	return Legend{ShowLegend: true, DisplayMode: "list", Placement: "bottom", Calcs: []string{}}
}

func number(v float64) *float64 { return &v }

// Size sets how many of the 24 columns a panel is wide, and how high.
func (p *Panel) Size(w, h int) *Panel {
	p.GridPos.W, p.GridPos.H = w, h
	return p
}

// Newest has the panel look back only so far, whatever the dashboard shows.
func (p *Panel) Newest(span string) *Panel {
	p.TimeFrom = span
	return p
}

// Every sets the least width of a bucket.
func (p *Panel) Every(interval string) *Panel {
	p.Interval = interval
	return p
}

// Steps colours values: the first colour from the beginning, each other from its value on.
func (p *Panel) Steps(s Thresholds) *Panel {
	p.FieldConfig.Defaults.Thresholds = &s
	return p
}

// Steps makes thresholds: a colour from the beginning, then others.
func Steps(first string, more ...Step) Thresholds {
	return Thresholds{Mode: "absolute", Steps: append([]Step{{Color: first}}, more...)}
}

// From is the colour from a value on.
func From(value float64, colour string) Step { return Step{Color: colour, Value: number(value)} }

// Words maps values to words.
func (p *Panel) Words(m []Mapping) *Panel {
	p.FieldConfig.Defaults.Mappings = m
	return p
}

// Empty is what stands there when there is no value.
func (p *Panel) Empty(text string) *Panel {
	p.FieldConfig.Defaults.NoValue = text
	return p
}

// Decimals sets how many are shown.
func (p *Panel) Decimals(n int) *Panel {
	p.FieldConfig.Defaults.Decimals = &n
	return p
}

// Within sets the ends of the scale.
func (p *Panel) Within(low, high float64) *Panel {
	p.FieldConfig.Defaults.Min, p.FieldConfig.Defaults.Max = &low, &high
	return p
}

// NoFloor lets a scale begin below zero.
func (p *Panel) NoFloor() *Panel {
	p.FieldConfig.Defaults.Min = nil
	return p
}

// Filled colours the whole ground of a stat, or every cell of a table.
func (p *Panel) Filled() *Panel {
	switch o := p.Options.(type) {
	case StatOptions:
		o.ColorMode = "background"
		p.Options = o
	case TableOptions:
		p.FieldConfig.Defaults.Custom = TableField{Align: "left", CellOptions: Ground()}
	}
	return p
}

// Named shows the names of a stat's figures beside them.
func (p *Panel) Named() *Panel {
	o := p.Options.(StatOptions)
	o.TextMode = "value_and_name"
	p.Options = o
	return p
}

// Of shows of a stat only the field that matches, such as its time.
func (p *Panel) Of(field string) *Panel {
	o := p.Options.(StatOptions)
	o.ReduceOptions = Last(field)
	p.Options = o
	return p
}

// Stacked puts the lines of a series on top of each other.
func (p *Panel) Stacked() *Panel {
	f := p.FieldConfig.Defaults.Custom.(SeriesField)
	f.FillOpacity, f.Stacking.Mode = 40, "normal"
	p.FieldConfig.Defaults.Custom = f
	return p
}

// Dots draws points instead of lines, for what happens now and then.
func (p *Panel) Dots() *Panel {
	f := p.FieldConfig.Defaults.Custom.(SeriesField)
	f.DrawStyle, f.ShowPoints, f.PointSize = "points", "always", 7
	p.FieldConfig.Defaults.Custom = f
	return p
}

// Columns orders and names the columns of a table, each as "column=Name". Time is
// hidden unless it is among them.
func (p *Panel) Columns(named ...string) *Panel {
	o := Organize{ExcludeByName: map[string]bool{"Time": true}, IndexByName: map[string]int{}, RenameByName: map[string]string{}}
	for i, n := range named {
		column, name, _ := strings.Cut(n, "=")
		o.IndexByName[column], o.RenameByName[column] = i, name
		delete(o.ExcludeByName, column)
	}
	p.Transformations = append(p.Transformations, Transformation{ID: "organize", Options: o})
	return p
}

// Crossed makes a field of a table: rows by one column, columns by another.
func (p *Panel) Crossed(row, column, value string) *Panel {
	p.Transformations = append(p.Transformations, Transformation{ID: "groupingToMatrix",
		Options: Matrix{RowField: row, ColumnField: column, ValueField: value, EmptyValue: "null"}})
	return p
}

// Counted makes one row of all that are equal in the columns by, with their number
// and the newest time.
func (p *Panel) Counted(by ...string) *Panel {
	g := GroupBy{Fields: map[string]Grouped{"Time": {Operation: "aggregate", Aggregations: []string{"count", "max"}}}}
	for _, c := range by {
		g.Fields[c] = Grouped{Operation: "groupby", Aggregations: []string{}}
	}
	p.Transformations = append(p.Transformations, Transformation{ID: "groupBy", Options: g})
	return p
}

// Sorted orders a table by the column that is called so.
func (p *Panel) Sorted(name string, desc bool) *Panel {
	o := p.Options.(TableOptions)
	o.SortBy = append(o.SortBy, SortBy{DisplayName: name, Desc: desc})
	p.Options = o
	return p
}

// Column sets how one column looks, by its name on screen.
func (p *Panel) Column(name string, properties ...Property) *Panel {
	return p.override(Matcher{ID: "byName", Options: name}, properties)
}

// Like sets how the columns look whose names match.
func (p *Panel) Like(regexp string, properties ...Property) *Panel {
	return p.override(Matcher{ID: "byRegexp", Options: regexp}, properties)
}

func (p *Panel) override(m Matcher, properties []Property) *Panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, Override{Matcher: m, Properties: properties})
	return p
}

// Linked makes every value of the panel a link.
func (p *Panel) Linked(links ...DataLink) *Panel {
	p.FieldConfig.Defaults.Links = append(p.FieldConfig.Defaults.Links, links...)
	return p
}

// Unit is what the values of a column are measured in.
func Unit(unit string) Property { return Property{ID: "unit", Value: unit} }

// Mapped maps the values of a column to words.
func Mapped(m []Mapping) Property { return Property{ID: "mappings", Value: m} }

// Coloured colours the values of a column.
func Coloured(t Thresholds) Property { return Property{ID: "thresholds", Value: t} }

// Blank is what stands in a column where there is no value.
func Blank(text string) Property { return Property{ID: "noValue", Value: text} }

// As names a column.
func As(name string) Property { return Property{ID: "displayName", Value: name} }

// Behind draws a column's cells.
func Behind(c Cell) Property { return Property{ID: "custom.cellOptions", Value: c} }

// Digits sets the decimals of a column.
func Digits(n int) Property { return Property{ID: "decimals", Value: n} }

// To makes the values of a column links.
func To(links ...DataLink) Property { return Property{ID: "links", Value: links} }

// Ground is a cell whose ground has the colour of its value; Plain one without.
func Ground() Cell { return Cell{Type: "color-background", Mode: "basic"} }

// Plain is a cell without colour.
func Plain() Cell { return Cell{Type: "auto"} }
