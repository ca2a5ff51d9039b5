@echo off
rem Installs the program without PowerShell, so that no execution policy is in the way.
rem   docs\install\install.bat        in a clone: into the folder .venv of the clone
rem   docs\install\install.bat demo   the same, then a whole run on the simulated bench
rem   install.bat [demo]              on the stick that "make wheelhouse" wrote, without a network:
rem                                   into the folder jvl-bench of the user
setlocal
set "HERE=%~dp0"
set "PY=py -3"
%PY% --version >nul 2>nul || set "PY=python"
%PY% -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>nul
if errorlevel 1 goto nopython
if exist "%HERE%wheels\" goto stick

pushd "%HERE%..\.." || exit /b 1
if not exist .venv\Scripts\python.exe %PY% -m venv .venv
if errorlevel 1 goto failed
.venv\Scripts\python.exe -m pip install --editable ".[package,page,report,xlsx]"
if errorlevel 1 goto failed
goto installed

:stick
if not exist "%USERPROFILE%\jvl-bench\" mkdir "%USERPROFILE%\jvl-bench"
pushd "%USERPROFILE%\jvl-bench" || exit /b 1
if not exist .venv\Scripts\python.exe %PY% -m venv .venv
if errorlevel 1 goto failed
.venv\Scripts\python.exe -m pip install --no-index --find-links "%HERE%wheels" "jvl-bench[package,page,report,xlsx]"
if errorlevel 1 goto failed
rem Only what is not there yet: files that somebody has edited stay as they are
robocopy "%HERE%configs" configs /E /XC /XN /XO /NJH /NJS /NFL /NDL >nul
if errorlevel 8 goto failed
robocopy "%HERE%docs" docs /E /XC /XN /XO /NJH /NJS /NFL /NDL >nul
if errorlevel 8 goto failed

:installed
echo.
echo Installed in %CD%. To work there:
echo   cd /d "%CD%"
echo   .venv\Scripts\acquire --help
set "STATUS=0"
if /i not "%~1"=="demo" goto end
.venv\Scripts\acquire.exe run configs\sweeps\table2_sppo13_liq.yaml
set "STATUS=%errorlevel%"
goto end

:nopython
echo Python 3.11 or newer is needed: https://www.python.org/downloads/windows/
echo Tick "py launcher" or "Add python.exe to PATH" when installing it, then call this file again.
set "STATUS=1"
goto end

:failed
echo The installation failed; what is wrong stands above.
set "STATUS=1"

:end
rem The window of a double click would close at once, and with it what was said
if not defined CI pause
exit /b %STATUS%
