package notice

func spanish() catalogue {
	return catalogue{
		months: [12]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"},
		texts: map[string]string{
			"drill":    "SIMULACRO - NO ENVIAR.",
			"resolved": "Resuelto: ",
			"through":  "servicios que dependen de %s",
			"date":     " del %d de %s",

			"subject.provider":         "Problema en {{.Them}}",
			"subject.provider.partial": "{{.Them}}: fallan algunas peticiones",
			"subject.provider.slow":    "{{.Them}} va más lento de lo normal",
			"subject.well":             " - en su oficina todo está bien",
			"subject.alone":            "Dificultades para acceder a {{.What}}",
			"subject.site":             "Problemas de internet en su oficina {{.Office}}",
			"subject.line":             "Su oficina {{.Office}} está sin conexión",
			"subject.network":          "Problema en su proveedor de internet {{.ISP}}",
			"subject.path":             "Problema entre su proveedor de internet {{.ISP}} y {{.Them}}",
			"subject.region":           "Problemas de internet en la zona {{.Region}}",

			"open.provider":         "Desde las {{.Since}} es posible que parte de su personal no pueda usar {{.What}}. {{if .Likely}}Parece un problema de {{.Them}}; lo estamos comprobando.{{else}}El problema está en {{.Them}}.{{end}}",
			"open.provider.partial": "Desde las {{.Since}} fallan algunos intentos de usar {{.What}}; volver a intentarlo suele funcionar. {{if .Likely}}Parece un problema de {{.Them}}; lo estamos comprobando.{{else}}El problema está en {{.Them}}.{{end}}",
			"open.provider.slow":    "Desde las {{.Since}} {{.What}} va más lento de lo normal. {{if .Likely}}Parece un problema de {{.Them}}; lo estamos comprobando.{{else}}El problema está en {{.Them}}.{{end}}",
			"open.office":           "Su conexión a internet funciona. No tiene que hacer nada.",
			"open.alone":            "Desde las {{.Since}} su oficina no puede acceder a {{.What}}. Estamos averiguando si es {{.Them}} o el camino hasta allí.",
			"open.site":             "Desde las {{.Since}} su oficina {{.Office}} tiene problemas para acceder a internet. Los servicios que usa funcionan desde otros lugares, así que se trata de la conexión de la oficina: la línea, el cortafuegos o el DNS. Lo estamos revisando.",
			"open.line":             "Desde las {{.Since}} su oficina {{.Office}} está sin conexión: ha caído la línea de internet{{with .ISP}} ({{.}}){{end}} o no hay corriente. Lo estamos revisando.",
			"open.network":          "Desde las {{.Since}} las oficinas con el proveedor de internet {{.ISP}} {{if .Likely}}parecen estar incomunicadas{{else}}están incomunicadas{{end}}. No es su equipo.",
			"open.path":             "Desde las {{.Since}} su oficina no puede acceder a {{.What}} a través de su proveedor de internet {{.ISP}}. El problema está entre {{.ISP}} y {{.Them}}; todavía no se puede saber en cuál de los dos.",
			"open.region":           "Desde las {{.Since}} las oficinas de la zona {{.Region}} tienen problemas para acceder a internet. No es su equipo ni un único servicio.",

			"easing.provider":         "{{.What}} vuelve a funcionar desde las {{.Until}}; no se podía usar desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.provider.partial": "{{.What}} vuelve a funcionar desde las {{.Until}}; algunos intentos fallaban desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.provider.slow":    "{{.What}} vuelve a ir a su velocidad normal desde las {{.Until}}; iba lento desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.alone":            "Su oficina vuelve a acceder a {{.What}} desde las {{.Until}}; no podía desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.site":             "Su oficina {{.Office}} vuelve a acceder a internet desde las {{.Until}}; tenía problemas desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.line":             "Su oficina {{.Office}} vuelve a tener conexión desde las {{.Until}}; estaba sin ella desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.network":          "Las oficinas con el proveedor de internet {{.ISP}} vuelven a tener conexión desde las {{.Until}}; estaban incomunicadas desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.path":             "Su oficina vuelve a acceder a {{.What}} desde las {{.Until}}; no podía desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",
			"easing.region":           "Las oficinas de la zona {{.Region}} vuelven a acceder a internet desde las {{.Until}}; tenían problemas desde las {{.Since}}. Seguimos vigilando antes de darlo por terminado.",

			"over.provider":         "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) es posible que parte de su personal no pudiera usar {{.What}}. {{if .Likely}}Parecía un problema de {{.Them}}.{{else}}El problema estaba en {{.Them}}.{{end}} Ya funciona.",
			"over.provider.partial": "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) fallaron algunos intentos de usar {{.What}}. {{if .Likely}}Parecía un problema de {{.Them}}.{{else}}El problema estaba en {{.Them}}.{{end}} Ya funciona.",
			"over.provider.slow":    "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) {{.What}} fue más lento de lo normal. {{if .Likely}}Parecía un problema de {{.Them}}.{{else}}El problema estaba en {{.Them}}.{{end}} Ya va a su velocidad normal.",
			"over.office":           "No era su conexión a internet. No tiene que hacer nada.",
			"over.alone":            "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) su oficina no pudo acceder a {{.What}}. Ya funciona. No se pudo saber si era {{.Them}} o el camino hasta allí.",
			"over.site":             "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) su oficina {{.Office}} tuvo problemas para acceder a internet por su propia conexión. Ya funciona.",
			"over.line":             "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) su oficina {{.Office}} estuvo sin conexión: había caído la línea de internet{{with .ISP}} ({{.}}){{end}} o no había corriente. Ya tiene conexión.",
			"over.network":          "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) las oficinas con el proveedor de internet {{.ISP}} estuvieron incomunicadas. Ya tienen conexión. No era su equipo.",
			"over.path":             "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) su oficina no pudo acceder a {{.What}} a través de su proveedor de internet {{.ISP}}. Ya funciona.",
			"over.region":           "De las {{.Since}} a las {{.Until}} ({{.Minutes}} minutos) las oficinas de la zona {{.Region}} tuvieron problemas para acceder a internet. Ya funciona.",

			"official": "{{.Them}} confirmó el problema a las {{.Acknowledged}}.",
			"next":     "Lo detectamos automáticamente y lo estamos siguiendo. Volverá a tener noticias nuestras antes de las {{.Next}}, aunque nada haya cambiado.",
			"change":   "Lo detectamos automáticamente y lo estamos siguiendo. Volverá a tener noticias nuestras cuando cambie o termine.",
			"end":      "No queda nada por hacer. Avísenos si algo sigue sin funcionar.",
			"zone":     "Las horas son {{.Zone}}.",
		},
	}
}
