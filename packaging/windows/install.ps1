<#
.SYNOPSIS
Installs, upgrades or removes Snowgate for this user: two programs in one folder, which is added to the user's PATH.

.DESCRIPTION
Run it in the folder of the unpacked archive. It needs no administrator. A program that runs cannot be overwritten or deleted on
Windows, but it can be renamed: the old programs are moved aside, the new ones put in their place, and what is moved aside is
deleted as soon as nothing runs it (by the next run of this script, if not now). If a step fails, the old programs are put back.
Clients stay connected; snowgate restart has the gateway run the new version at once.

The script is put into the folder, too: with it the programs can be removed without the archive.

.PARAMETER Folder
Where the programs are installed. A relative one is below the current folder.

.PARAMETER Uninstall
Remove the programs and the folder's entry in PATH. Settings, state and databases stay. Run snowgate uninstall --all and
snowgate service uninstall first.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File install.ps1

.EXAMPLE
powershell -ExecutionPolicy Bypass -File "$env:LOCALAPPDATA\Programs\Snowgate\install.ps1" -Uninstall
#>
[CmdletBinding()]
param(
    [string]$Folder = (Join-Path $env:LOCALAPPDATA 'Programs\Snowgate'),
    [switch]$Uninstall
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$programs = 'snowgate.exe', 'snowgate-shim.exe'
$installerName = 'install.ps1'

# PATH and later runs need the whole path. PowerShell's current folder is not that of its process, which .NET would take.
$Folder = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Folder)

# Old programs are called NAME.old-NUMBER until nothing runs them.
function Remove-Old {
    Get-ChildItem -LiteralPath $Folder -Filter '*.exe.old-*' -ErrorAction SilentlyContinue | ForEach-Object {
        try { Remove-Item -LiteralPath $_.FullName -Force } catch { Write-Verbose "$($_.Exception.Message)" }
    }
}

# Returns what the program is called now; nothing if there is none.
function Move-Aside([string]$Path) {
    if (-not (Test-Path -LiteralPath $Path)) { return }
    for ($number = 1; Test-Path -LiteralPath "$Path.old-$number"; $number++) { }
    Rename-Item -LiteralPath $Path -NewName "$(Split-Path -Leaf $Path).old-$number"
    "$Path.old-$number"
}

# Puts NAME.new of each program in its place. A failure puts back what was moved aside.
function Switch-Programs {
    $moved = @{}
    try {
        foreach ($program in $programs) {
            $path = Join-Path $Folder $program
            $moved[$path] = Move-Aside $path
            Rename-Item -LiteralPath "$path.new" -NewName $program
        }
    } catch {
        foreach ($path in @($moved.Keys)) {
            # A new program that is in place already may run by now: it is renamed, too.
            if (-not $moved[$path]) { continue }
            Move-Aside $path | Out-Null
            Rename-Item -LiteralPath $moved[$path] -NewName (Split-Path -Leaf $path)
        }
        throw
    }
}

# The user's own PATH, as it is written: with variables in it, which are not to be replaced by their values.
function Edit-Path([scriptblock]$Change) {
    $key = [Microsoft.Win32.Registry]::CurrentUser.OpenSubKey('Environment', $true)
    try {
        $text = $key.GetValue('Path', '', [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
        $before = @($text -split ';' | Where-Object { $_ })
        $after = @(& $Change $before)
        if (($before -join ';') -eq ($after -join ';')) { return }
        $key.SetValue('Path', ($after -join ';'), [Microsoft.Win32.RegistryValueKind]::ExpandString)
    } finally {
        $key.Close()
    }
    # Programs that are started from now on are told by this: .NET sends the message that the environment has changed.
    [Environment]::SetEnvironmentVariable('SNOWGATE_INSTALL_NOTICE', $null, 'User')
}

if ($Uninstall) {
    foreach ($program in $programs) { Move-Aside (Join-Path $Folder $program) | Out-Null }
    Remove-Old
    # Of a run that did not get to its end.
    Get-ChildItem -LiteralPath $Folder -Filter '*.exe.new' -ErrorAction SilentlyContinue | Remove-Item -Force
    Edit-Path { param($parts) $parts | Where-Object { $_.TrimEnd('\') -ne $Folder.TrimEnd('\') } }
    $left = @(Get-ChildItem -LiteralPath $Folder -Filter '*.exe.old-*' -ErrorAction SilentlyContinue)
    if ($left.Count -gt 0) {
        Write-Output "Removed Snowgate. Programs that still run are left in $Folder. Close your clients, then run this again, or delete the folder."
    } else {
        # Last: PowerShell has read the whole script before it runs it.
        $installed = Join-Path $Folder $installerName
        if (Test-Path -LiteralPath $installed) { Remove-Item -LiteralPath $installed -Force }
        if ((Test-Path -LiteralPath $Folder) -and -not (Get-ChildItem -LiteralPath $Folder -Force)) {
            # It stays, empty, where a program has it as its current folder.
            Remove-Item -LiteralPath $Folder -ErrorAction SilentlyContinue
        }
        Write-Output 'Removed Snowgate.'
    }
    return
}

foreach ($program in $programs) {
    if (-not (Test-Path -LiteralPath (Join-Path $PSScriptRoot $program))) {
        throw "$program is not beside this script: unpack the whole archive, then run it there"
    }
}
New-Item -ItemType Directory -Force -Path $Folder | Out-Null
Remove-Old
foreach ($program in $programs) {
    $new = Join-Path $Folder "$program.new"
    Copy-Item -LiteralPath (Join-Path $PSScriptRoot $program) -Destination $new -Force
    # The mark of a download makes Windows ask, or refuse, each time.
    Unblock-File -LiteralPath $new
}
Switch-Programs
Remove-Old
$installed = Join-Path $Folder $installerName
if ($PSCommandPath -ne $installed) {
    Copy-Item -LiteralPath $PSCommandPath -Destination $installed -Force
    Unblock-File -LiteralPath $installed
}
Edit-Path { param($parts) if (@($parts | ForEach-Object { $_.TrimEnd('\') }) -contains $Folder.TrimEnd('\')) { $parts } else { @($parts) + $Folder } }
Write-Output "Installed $(& (Join-Path $Folder 'snowgate.exe') --version) in $Folder. Open a new terminal, then: snowgate install --all"
