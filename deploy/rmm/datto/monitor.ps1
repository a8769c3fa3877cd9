# Datto RMM: a component monitor reads its result between these two lines.
$program = Join-Path $(if (${env:ProgramW6432}) { ${env:ProgramW6432} } else { $env:ProgramFiles }) 'Picket\picket-agent.exe'
$code = 1001
$said = @('The Picket agent is not installed.')
if (Test-Path $program) {
    $said = @(& $program status --rmm)
    $code = $LASTEXITCODE
}
'<-Start Result->'
"Picket=$($said[0])"
'<-End Result->'
'<-Start Diagnostic->'
$said
'<-End Diagnostic->'
if ($code -eq 0 -or $code -eq 1000) { exit 0 }
exit 1
