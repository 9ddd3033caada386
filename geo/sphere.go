package geo

import "math"

// earthRadius is the mean radius of the Earth (IUGG R1), in km.
const earthRadius = 6371.0088

// Distance returns the great-circle distance in km (haversine), 0..20015. It is 0 if either point is not known:
// ask Known first.
func Distance(a, b Coordinates) float64 {
	if !a.Known || !b.Known {
		return 0
	}
	sinLat := math.Sin(radians(b.Lat-a.Lat) / 2)
	sinLon := math.Sin(radians(b.Lon-a.Lon) / 2)
	h := sinLat*sinLat + math.Cos(radians(a.Lat))*math.Cos(radians(b.Lat))*sinLon*sinLon
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}

// Vector returns the point as a unit vector from the centre of the Earth: x towards (0,0), y towards (0,90°E),
// z towards the north pole. It is the zero vector if the point is not known.
func (c Coordinates) Vector() [3]float64 {
	if !c.Known {
		return [3]float64{}
	}
	sinLat, cosLat := math.Sincos(radians(c.Lat))
	sinLon, cosLon := math.Sincos(radians(c.Lon))
	return [3]float64{cosLat * cosLon, cosLat * sinLon, sinLat}
}

// Chord2 returns the squared length of the chord between two unit vectors, 0..4. It orders points as [Distance]
// does and costs a few multiplications, which matters where a ranking is made for each of a million places.
func Chord2(a, b [3]float64) float64 {
	x, y, z := a[0]-b[0], a[1]-b[1], a[2]-b[2]
	return x*x + y*y + z*z
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }
