// Package admin is the listener on which one Meridian server is watched and operated: probes, metrics, the JSON API
// and a page for people.
//
// It decides nothing and remembers nothing. Everything it shows it asks of its Backend at the moment of the request,
// as plain values; everything it changes it asks the Backend to change:
//
//	          +-- guard --------------------------+
//	request ->| host name, token, origin, size     |-> route -> Backend -> JSON, text or HTML
//	          +-----------------------------------+
//
// The guard is one place, before every route. Beyond loopback the listener refuses to start without a token
// (CheckListen); with a token, everything but /livez and /readyz asks for it; without one, only requests that were
// really addressed to this machine are served, so that no web page can reach it through a name that it made up.
// Unsafe methods also need the same origin (http.CrossOriginProtection).
//
// The JSON forms (StatusReport, Explanation, ErrorBody) are declared here once: the command line decodes into the
// same types. Their "schema" key names the form and its version; keys are added, never renamed.
package admin
