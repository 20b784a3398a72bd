# One visit to an account by Mail::IMAPClient; libraries.rs describes what each visit does and
# prints.
#
#     perl imapclient.pl PORT USER PASSWORD VISIT DIRECTORY

use strict;
use warnings;
use Encode qw(encode);
use Mail::IMAPClient;
use Time::HiRes qw(sleep);

my ($port, $user, $password, $visit, $directory) = @ARGV;
my %letter = ('\Draft' => 'D', '\Flagged' => 'F', '\Answered' => 'R', '\Seen' => 'S', '\Deleted' => 'T');
my $imap = Mail::IMAPClient->new(
    Server => '127.0.0.1', Port => $port, User => $user, Password => $password, Uid => 1,
) or die "no log in: $@";
$| = 1;

# Returns the result of a call, which must have succeeded.
sub good {
    my ($result, $what) = @_;
    defined $result or die "the server refuses $what: " . ($imap->LastError // 'it is silent');
    return $result;
}

sub tell_test { print join("\t", @_), "\n" }

sub letters { join '', sort map { $letter{$_} // () } split ' ', shift }

# Returns the UID of the message with an identity.
sub the {
    my @found = $imap->search('HEADER', 'X-Id', $imap->Quote(shift));
    @found == 1 or die 'found: ' . @found;
    return $found[0];
}

sub look {
    for my $folder ($imap->folders_hash) {
        next if grep { /^\\(NoSelect|NonExistent)$/i } @{ $folder->{attrs} };
        my $name = $folder->{name};
        good($imap->examine($name), "EXAMINE $name");
        my $all = good(scalar $imap->fetch_hash('FLAGS', 'BODY.PEEK[HEADER.FIELDS (X-Id)]'), 'FETCH');
        for my $message (map { $all->{$_} } sort { $a <=> $b } keys %$all) {
            my ($identity) = $message->{'BODY[HEADER.FIELDS (X-ID)]'} =~ /^X-Id: (\S+)/;
            tell_test('message', $name, $identity, letters($message->{FLAGS}));
        }
    }
    good($imap->examine('INBOX'), 'EXAMINE');
    for my $identity (qw(inbox-0007 inbox-0008 inbox-0009)) {
        open my $file, '>:raw', "$directory/$identity" or die $!;
        $imap->Peek(1);
        good($imap->message_to_file($file, the($identity)), 'FETCH BODY.PEEK[]');
        close $file or die $!;
    }
}

sub change {
    good($imap->select('INBOX'), 'SELECT');
    my $found = sub { tell_test('found', shift, scalar(@{ $imap->search(@_) || [] })) };
    $found->('unseen', 'UNSEEN');
    $found->('flagged', 'OR', 'FLAGGED', 'SUBJECT', $imap->Quote('no such'));
    my $words = encode('UTF-8', "Gr\x{fc}\x{df}e");
    $found->('text', 'CHARSET', 'UTF-8', 'TEXT', \$words);
    good($imap->store(the('inbox-0004'), '+FLAGS', '(\Flagged $Work)'), 'STORE');
    good($imap->unset_flag('\Seen', the('inbox-0005')), 'STORE');
    good($imap->delete_message(the('inbox-0006')), 'STORE');
    good($imap->expunge, 'EXPUNGE');
    good($imap->select('&U,BTFw-'), 'SELECT');
    # Without MOVE it copies and deletes.
    good($imap->move('Entw&APw-rfe', the('trip-0007')), 'MOVE');
    good($imap->expunge, 'EXPUNGE');
    good($imap->copy('Lists.R&-D', the('trip-0008')), 'COPY');
    my $text = "Subject: appended\r\nX-Id: appended\r\n\r\nBy the client.\r\n";
    my @state = ('\Seen \Draft', '01-Feb-2003 04:05:06 +0000');
    good($imap->append_string('Entw&APw-rfe', $text, @state), 'APPEND');
    good($imap->create('&AMk-t&AOk-'), 'CREATE');
    good($imap->rename('&AMk-t&AOk-', '&ANw-berall'), 'RENAME');
    good($imap->subscribe('&ANw-berall'), 'SUBSCRIBE');
    good($imap->create('Short'), 'CREATE');
    good($imap->delete('Short'), 'DELETE');
}

sub arrange {
    good($imap->examine('Talk'), 'EXAMINE');
    tell_test('sorted', "@{ good(scalar $imap->sort('SUBJECT DATE', 'UTF-8', 'ALL'), 'SORT') }");
    my $threads = good($imap->thread('REFERENCES', 'UTF-8', 'ALL'), 'THREAD');
    tell_test('threads', join '', map { '(' . thread($_) . ')' } @$threads);
}

# Returns the members of a thread in the notation of RFC 5256.
sub thread {
    my $text = '';
    for my $member (@{ +shift }) {
        $text .= ' ' if $text =~ /\d$/;
        $text .= ref $member ? '(' . thread($member) . ')' : $member;
    }
    return $text;
}

# Waits for a new message, a changed flag and an expunged message.
sub watch {
    my $idles = $imap->has_capability('IDLE');
    good($imap->select('INBOX'), 'SELECT');
    my $tag = $idles && good($imap->idle, 'IDLE');
    open my $ready, '>', "$directory/ready" or die $!;
    close $ready;
    my %unheard = (message => qr/ EXISTS/, flag => qr/ FETCH \(.*\\Flagged/, expunge => qr/ EXPUNGE/);
    my $deadline = time + 20;
    while (%unheard and time < $deadline) {
        my $said = join '', $idles ? $imap->idle_data(1) : news();
        for my $what (grep { $said =~ /^\* \d+$unheard{$_}/m } sort keys %unheard) {
            tell_test('heard', $what);
            delete $unheard{$what};
        }
    }
    $idles and good($imap->done($tag), 'DONE');
    the('watched');
}

# Makes a server without IDLE report changes.
sub news {
    sleep 0.05;
    good($imap->noop, 'NOOP');
    return $imap->History;
}

{ look => \&look, change => \&change, arrange => \&arrange, watch => \&watch }->{$visit}->();
good($imap->logout, 'LOGOUT');
