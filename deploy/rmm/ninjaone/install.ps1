# NinjaOne: the token is the secure custom field picketToken of the location.
$token = Ninja-Property-Get picketToken
if (-not $token) { 'The custom field picketToken of this location is empty.'; exit 2 }
$env:PICKET_TOKEN = $token
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor 3072
$script = Join-Path $env:SystemRoot ('Temp\picket-' + [Guid]::NewGuid() + '.ps1')
try {
    Invoke-WebRequest -Uri 'https://get.picket.example/install.ps1' -OutFile $script -UseBasicParsing
    & powershell.exe -NoProfile -ExecutionPolicy Bypass -File $script
    $code = $LASTEXITCODE
} finally {
    Remove-Item -Force $script -ErrorAction SilentlyContinue
}
exit $code
