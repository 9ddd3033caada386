package config

import (
	"reflect"
	"strconv"
	"strings"
	"time"
)

// decodable types know how they are read; the others are read by their fields.
type decodable interface{ decode(*node) }

// leaf is a scalar with its place. What doesn't have the leaf's type, or was complained about, is left unset.
type leaf[T string | int64 | float64 | bool] struct {
	v   T
	at  pos
	set bool
}

type (
	text    = leaf[string]
	integer = leaf[int64]
	number  = leaf[float64]
	boolean = leaf[bool]
)

func (l *leaf[T]) decode(n *node) {
	l.at = n.at
	if n.bad || n.kind != scalar {
		return
	}
	v := n.value
	if i, ok := v.(int64); ok {
		if _, wantsFloat := any(l.v).(float64); wantsFloat {
			v = float64(i)
		}
	}
	l.v, l.set = v.(T)
}

// or returns the value, or def where none was given.
func (l leaf[T]) or(def T) T {
	if l.set {
		return l.v
	}
	return def
}

// anything is a scalar of whichever type: text, a number, true or false, or nothing (null).
type anything struct {
	v  any // string, float64, bool or nil
	at pos
}

func (a *anything) decode(n *node) {
	a.at = n.at
	if n.bad || n.kind != scalar {
		return
	}
	a.v = n.value
	if i, ok := a.v.(int64); ok {
		a.v = float64(i)
	}
}

// duration is written with a unit: "5s", "1m30s", "500ms".
type duration struct {
	d   time.Duration
	at  pos
	set bool
}

func (d *duration) decode(n *node) {
	d.at = n.at
	if s, ok := n.value.(string); ok && !n.bad {
		v, err := time.ParseDuration(s)
		d.d, d.set = v, err == nil
	}
}

func (d duration) or(def time.Duration) time.Duration {
	if d.set {
		return d.d
	}
	return def
}

// distance is written in kilometres: "3000km".
type distance struct {
	km  float64
	at  pos
	set bool
}

func (d *distance) decode(n *node) {
	d.at = n.at
	if s, ok := n.value.(string); ok && !n.bad {
		v, err := strconv.ParseFloat(strings.TrimSuffix(s, "km"), 64)
		d.km, d.set = v, err == nil
	}
}

// dict is a mapping with names of the operator's choice, in the order of the file.
type dict[T any] []entry[T]

type entry[T any] struct {
	name string
	at   pos // of the name
	v    T
}

func (d *dict[T]) decode(n *node) {
	if n.kind != mapping {
		return
	}
	*d = make(dict[T], len(n.pairs))
	for i, p := range n.pairs {
		e := &(*d)[i]
		e.name, e.at = p.key, p.at
		decode(p.value, &e.v)
	}
}

// names returns the keys in the order of the file.
func (d dict[T]) names() []string {
	names := make([]string, len(d))
	for i := range d {
		names[i] = d[i].name
	}
	return names
}

// decode reads n into the value that into points to. What doesn't fit is left at its zero value: the schema has
// complained about it.
func decode(n *node, into any) {
	if d, ok := into.(decodable); ok {
		d.decode(n)
		return
	}
	v := reflect.ValueOf(into).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if n.kind != scalar || n.value != nil {
			v.Set(reflect.New(v.Type().Elem()))
			decode(n, v.Interface())
		}
	case reflect.Slice:
		if n.kind != sequence {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
		for i, item := range n.items {
			decode(item, v.Index(i).Addr().Interface())
		}
	case reflect.Struct:
		decodeFields(n, into)
	}
}

// decodeFields reads the entries of n into the fields of the struct that into points to, by their json tags.
func decodeFields(n *node, into any) {
	if n.kind != mapping {
		return
	}
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if value := n.get(name); name != "" && name != "-" && value != nil {
			decode(value, v.Field(i).Addr().Interface())
		}
	}
}
