// Package grafana is the part of Grafana's dashboard JSON (the "v1" model) that
// Picket's boards use, as Go types, and writes it.
//
// # Why types of our own
//
// Grafana's own builders for Go, the Foundation SDK, are a public preview without
// a promise to mend bugs, with one branch per version of Grafana: a board would be
// tied to the version that generated it, and every upgrade of the builders could
// change every board. What is used here has stood in the v1 model since Grafana 8:
// some 300 lines that change when we change them. The boards' text is written by
// people and read in reviews as JSON, so fields come in a fixed order.
//
// # Versions
//
// [SchemaVersion] is 39, what Grafana 10.4 writes. A newer Grafana migrates it
// when it loads it; an older number is what every version reads. Grafana 13 still
// takes v1 from provisioned files beside its v2 model.
//
// Every board was compared by TypeScript's compiler with the types that Grafana
// publishes as @grafana/schema 10.4.19, 11.6.16, 12.4.11 and 13.2.3: dashboard and
// panels with all four, options and fields of each kind of panel with all but 11.6,
// whose files of them it did not find. What is left are fields that Grafana writes
// itself and the types leave out: definition of a variable, fromAnnotations of a
// query, and an empty current of the data source. No board was loaded into a
// Grafana by us.
//
// Nothing here knows what a board is about: that is picket/dashboards/boards.
package grafana
