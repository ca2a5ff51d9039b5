"""J-V-L bench service: sweep a light-emitting device, record J-V-L and EL spectra, compute efficiencies.

The rooms, from top to bottom, are in docs/house.md; what may import what is a contract in pyproject.toml.

What can go wrong here, beside the errors of instruments in :mod:`drivers.errors`::

    Exception
    ├── ConfigurationError        a YAML file is wrong: every problem at once (.problems)          config/parsing.py
    ├── ArchiveError              a run file cannot be read, finished or exported                 run_file/read.py
    │   └── NameTaken             a run has an analysis of this name                              recompute/recompute.py
    ├── NoScheduler               no work can be handed to a scheduler                            archive/scheduler.py
    ├── TaskFailed                a process that had a task ended without an answer               archive/apart.py
    ├── CatalogueError            a catalogue of run files cannot be used                         archive/catalogue.py
    ├── RecordingError            a run file cannot be written                                    run_file/recorder.py
    ├── PictureError              a picture cannot be drawn or written                            report/style.py
    │   ├── NothingToDraw         a run has nothing of what it would show                         report/style.py
    │   └── StyleError            a style sheet says what matplotlib does not understand          report/style.py
    ├── ReportError               a report cannot be written                                      report/written.py
    ├── PackageError              runs cannot be put together to be given away                    fair/package.py
    ├── UnknownDevice             a report is to show a device that is none of its runs           report/assembled.py
    ├── NotAsRecorded             a replay has left its recording                                 replay/tape.py
    ├── SpectrumNotTaken          a spectrum is lost; the sweep goes on                           sweep/engine.py
    ├── StoppedByRule             a bad reading ends the sweep, as its file says                  sweep/engine.py
    ├── BeyondPlan            a schedule asked for more rows or a larger level than stated        sweep/schedule.py
    ├── NotSent                   a message about a run did not get through                     service/notifications.py
    ├── QueueUnusable             the file of the queue cannot be used; it is left as it is        service/queue_file.py
    ├── Refused                   what was asked of the queue does not go (.hint)                 service/queue_rules.py
    ├── NotHeard                  what was asked of a run from outside came to nothing (.hint)    safety/running.py
    ├── SettingsError             a service cannot be started so                                  service/settings.py
    ├── TokensError               the tokens of a service cannot be read or written               service/tokens.py
    ├── RequestRefused            a request to the service is refused (.status, .content)         service/errors.py
    ├── Unreadable                a run file cannot be read for the service                       service/reading.py
    ├── NotThere                  a run has no such table, column or row                          service/reading.py
    ├── ValueError
    │   ├── TableError            columns of another program's file cannot be read  spectroscopy/measured_table.py
    │   ├── NoCursor              a text says nothing of where a viewer is                        service/cursors.py
    │   ├── NotUnderstood         a file is no request, no answer, no state of a run              safety/mailbox.py
    │   ├── UnknownCommand        what was typed is no command, or goes too far (.hint)           sweep/by_hand.py
    │   ├── NotApplicable         what is to be different has no place in a calibration       evaluation/recalibrated.py
    │   ├── QuantityError         a text is no quantity in this unit (.hint)                      config/quantities.py
    │   └── UnknownField          a template names what is no field (.name)                       config/template.py
    └── InstrumentError
        ├── BenchNotReady         an instrument could not be opened or set up: lists all          bench/opening.py
        ├── BenchInUse            another run has these instruments                               safety/lock.py
        ├── LocksUnusable         whether another run has them cannot be known                    safety/lock.py
        ├── NotGuarded            no guardian would switch the output off                         safety/guardian.py
        ├── BeyondLimits          a reading is beyond a limit of bench or sweep                   sweep/read_back.py
        └── NotMeasured           nothing is known of the source any more                         sweep/read_back.py

:mod:`acquire.session` ends a run at any of them, with its output off first, and says what happened.
"""

__version__ = "0.1.0"
