// Package sitefile reads and writes lists of sites as CSV, the way spreadsheets
// do: a managed service provider has such a list already.
//
// # What is read
//
//	client,site,region,isp,hosted_by
//	acme,madrid,eu-south,AS3352 Telefonica,
//
// The first line names the columns, in any order and in upper or lower case;
// client and site must be there, a column that is not known is an error, since a
// misspelt "regoin" would be lost in silence. Fields are parted by commas, or by
// semicolons where the first line has those, as spreadsheets in half of Europe
// write. A byte order mark and Windows line ends are let be; text must be UTF-8.
//
// Every problem of the file is told at once, with its line: who has four hundred
// rows does not want to meet them one by one. At most [MaxSize] bytes and
// [MaxRows] rows are read.
//
// # What is written
//
// A cell that begins with = + - @ or a control character is a formula to a
// spreadsheet, and names come from elsewhere. Such cells get an apostrophe in
// front, which spreadsheets hide and [Parse] takes away again.
package sitefile
